"""A migrated SQLite database with a few people and one gathering, for tests of presence, replays and records.

Rows are written directly, so these tests do not depend on the features that usually write them.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from lecture_api.accounts.models import Person, PersonSubject
from lecture_api.core.actor import Role
from lecture_api.core.clock import ManualClock, epoch_ms
from lecture_api.core.database import Database
from lecture_api.core.ids import new_id, random_id
from lecture_api.gatherings.models import ConvenedPerson, Gathering, GatheringTransition, Recording
from lecture_api.organisations.models import HomeAssignment, Organisation

EVENING = datetime(2026, 3, 30, 11, 0, tzinfo=UTC)  # 19:00 in Shanghai


@dataclass
class Scene:
    """One college, one branch, one gathering from 19:00 on; `clock` stands at its Start."""

    database: Database
    clock: ManualClock
    college_id: uuid.UUID
    branch_id: uuid.UUID
    gathering_id: uuid.UUID
    subjects: list[uuid.UUID] = field(default_factory=list)
    roles: dict[uuid.UUID, list[tuple[Role, uuid.UUID]]] = field(default_factory=dict)
    signed_out: set[uuid.UUID] = field(default_factory=set)

    @property
    def start_ms(self) -> int:
        return epoch_ms(EVENING)

    def at(self, minutes: float) -> datetime:
        return EVENING + timedelta(minutes=minutes)

    async def add_person(self, *, convened: bool = True) -> uuid.UUID:
        """One more member at home in the branch; returns the subject id."""
        person_id, subject_id = new_id(), random_id()
        async with self.database.write() as db:
            db.add(
                Person(
                    id=person_id,
                    display_name=f"人{len(self.subjects)}",
                    person_no_encrypted="x",
                    person_no_index=str(person_id),
                    person_category="undergraduate",
                    membership_stage="full_member",
                    created_at=EVENING,
                )
            )
            await db.flush()
            db.add(PersonSubject(subject_id=subject_id, person_id=person_id))
            db.add(
                HomeAssignment(
                    person_id=person_id,
                    organisation_id=self.branch_id,
                    valid_from=date(2026, 1, 1),
                    valid_to=None,
                    recorded_at=EVENING,
                )
            )
            if convened:
                db.add(
                    ConvenedPerson(
                        gathering_id=self.gathering_id,
                        subject_id=subject_id,
                        home_branch_id=self.branch_id,
                        expected_as="member",
                        recorded_at=EVENING,
                    )
                )
        self.subjects.append(subject_id)
        return subject_id

    async def step(self, state: str, minutes: float, cause: str = "test") -> None:
        """One row of the timeline and the state of the gathering with it."""
        async with self.database.write() as db:
            gathering = await db.get_one(Gathering, self.gathering_id)
            at = self.at(minutes)
            if state == "live" and gathering.actual_start is None:
                gathering.actual_start = at
            gathering.state = state
            gathering.actual_end = at if state == "ended" else None
            db.add(
                GatheringTransition(
                    gathering_id=self.gathering_id,
                    at=at,
                    state=state,
                    cause=cause,
                    actor_subject_id=None,
                    recorded_at=at,
                )
            )

    async def publish(self, minutes: float, *, duration_minutes: float = 60) -> uuid.UUID:
        """A recording that is published; its file begins at Start and has no gap."""
        recording_id = new_id()
        async with self.database.write() as db:
            db.add(
                Recording(
                    id=recording_id,
                    gathering_id=self.gathering_id,
                    state="published",
                    duration_ms=int(duration_minutes * 60_000),
                    final_status=self.status(duration_minutes),
                    started_at=EVENING,
                    finished_at=self.at(minutes),
                    published_at=self.at(minutes),
                    withdrawn_at=None,
                    withdrawn_reason=None,
                )
            )
        return recording_id

    def status(self, duration_minutes: float = 60) -> dict[str, object]:
        """What the recorder would say of an unbroken recording from Start on."""
        end = self.start_ms + int(duration_minutes * 60_000)
        piece = {"wall_start_ms": self.start_ms, "wall_end_ms": end, "file_start_ms": 0, "slate": False}
        return {"state": "finished", "duration_ms": end - self.start_ms, "pieces": [piece]}


@asynccontextmanager
async def scene(url: str) -> AsyncIterator[Scene]:
    """The scene in a migrated, empty database."""
    database = Database(url)
    college, branch, gathering = new_id(), new_id(), new_id()
    async with database.write() as db:
        for organisation_id, code, kind, parent in (
            (college, "O00", "college_committee", None),
            (branch, "O20", "branch", college),
        ):
            db.add(
                Organisation(
                    id=organisation_id,
                    code=code,
                    name=code,
                    org_type=kind,
                    branch_kind=None,
                    parent_id=parent,
                    created_at=EVENING,
                )
            )
            await db.flush()
        db.add(
            Gathering(
                id=gathering,
                code="7KTM3W",
                title="读懂党章",
                kind="party_lecture",
                state="scheduled",
                organisation_id=branch,
                scheduled_start=EVENING,
                scheduled_end=EVENING + timedelta(hours=1),
                may_watch="branch",
                replay_release="at_end",
                credit_hundredths=100,
                created_at=EVENING,
            )
        )
    try:
        yield Scene(database, ManualClock(EVENING), college, branch, gathering)
    finally:
        await database.close()
