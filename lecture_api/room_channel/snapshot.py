"""What the channel tells of presence: one reading of the database for a whole room. Judges nothing,
writes nothing.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import Person, PersonSubject
from lecture_api.core.clock import epoch_ms
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.models import ConvenedPerson, Gathering
from lecture_api.gatherings.page_state import PageState
from lecture_api.gatherings.service import page_state_of, recording_of
from lecture_api.gatherings.states import ON_AIR, GatheringState
from lecture_api.organisations.models import Organisation
from lecture_api.presence.intervals import ClockPiece, project, total
from lecture_api.presence.programme import clock_pieces
from lecture_api.presence.service import Presence, presence_of, until


@dataclass(frozen=True, slots=True)
class RoomState:
    """What the room knows of its gathering since the last state event."""

    state: GatheringState
    page_state: PageState
    counted: frozenset[uuid.UUID]

    @property
    def on_air(self) -> bool:
        """Whether presence is taken down at all."""
        return self.state in ON_AIR

    @property
    def reason(self) -> str:
        """Why a counted person's minutes grow or stand still."""
        known = {
            GatheringState.LIVE: "counting",
            GatheringState.ON_BREAK: "on_break",
            GatheringState.INTERRUPTED: "interrupted",
        }
        return known.get(self.state, "not_live")


async def read_state(db: AsyncSession, runtime: Runtime, gathering_id: uuid.UUID) -> RoomState:
    """Read the state and who is counted (the snapshot of the first Start)."""
    gathering = await db.get_one(Gathering, gathering_id, populate_existing=True)
    recording = await recording_of(db, gathering_id)
    counted = await db.scalars(
        select(ConvenedPerson.subject_id).where(ConvenedPerson.gathering_id == gathering_id)
    )
    shown = page_state_of(gathering, recording, may_watch=True, now=runtime.clock.now())
    return RoomState(GatheringState(gathering.state), shown, frozenset(counted))


@dataclass(frozen=True, slots=True)
class RosterLine:
    """One person on the roster, with the home branch that decides who may see the line."""

    branch_id: uuid.UUID | None
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RoomPresence:
    """Counted minutes by person, and the roster, at one instant."""

    counted_ms: Mapping[uuid.UUID, int]
    roster: tuple[RosterLine, ...]


async def read_presence(db: AsyncSession, runtime: Runtime, gathering_id: uuid.UUID) -> RoomPresence:
    """Read everybody's presence so far."""
    now = runtime.clock.now()
    now_ms = epoch_ms(now)
    gathering = await db.get_one(Gathering, gathering_id, populate_existing=True)
    pieces = await clock_pieces(db, gathering, now)
    presence = await presence_of(db, gathering_id)
    counted = {subject: _counted(found, pieces, now_ms) for subject, found in presence.items()}
    return RoomPresence(counted, await _roster(db, gathering_id, presence, now_ms))


def _counted(presence: Presence, pieces: tuple[ClockPiece, ...], now_ms: int) -> int:
    return total(project(until(presence.intervals, now_ms), pieces))


async def _roster(
    db: AsyncSession, gathering_id: uuid.UUID, presence: Mapping[uuid.UUID, Presence], now_ms: int
) -> tuple[RosterLine, ...]:
    people = await db.execute(
        select(PersonSubject.subject_id, Person.display_name, Organisation.id, Organisation.name)
        .join(Person, Person.id == PersonSubject.person_id)
        .join(ConvenedPerson, ConvenedPerson.subject_id == PersonSubject.subject_id)
        .outerjoin(Organisation, Organisation.id == ConvenedPerson.home_branch_id)
        .where(ConvenedPerson.gathering_id == gathering_id)
        .order_by(Organisation.code, Person.display_name)
    )
    lines = []
    for subject_id, display_name, branch_id, branch in people:
        found = presence.get(subject_id)
        if found is None:
            continue
        here = found.is_here(now_ms)
        last = found.intervals[-1]
        row = {
            "participant_id": str(subject_id),
            "display_name": display_name,
            "branch": branch,
            "state": "here" if here else "away",
            "since_ms": last.start if here else last.end,
        }
        lines.append(RosterLine(branch_id, row))
    return tuple(lines)
