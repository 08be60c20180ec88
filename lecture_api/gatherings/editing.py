"""Creating and changing gatherings before they are on air."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import Person
from lecture_api.columns.models import TopicColumn
from lecture_api.core.actor import Actor
from lecture_api.core.errors import NotAuthorisedError
from lecture_api.core.ids import new_code
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings import service
from lecture_api.gatherings.access import standing_of
from lecture_api.gatherings.convened import replace_entries
from lecture_api.gatherings.errors import BadScheduleError, StateConflictError, UnknownReferenceError
from lecture_api.gatherings.kinds import is_recorded
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.schemas import GatheringIn, GatheringPatch
from lecture_api.gatherings.states import GatheringState, Step

LONGEST = timedelta(days=7)
#: Still changeable when people may have come: words, and what concerns the replay.
_AT_ANY_TIME = frozenset({"title", "description", "column_id", "replay_release"})
_BEFORE_START = (GatheringState.DRAFT, GatheringState.SCHEDULED)
_CALENDAR_FIELDS = frozenset({"title", "description", "scheduled_start", "scheduled_end"})


def suggested_credit_hundredths(start: datetime, end: datetime) -> int:
    """学时 by length, in hundredths: up to 15 min 0.25, under 30 min 0.5, from 30 min 1 (domain.md R15)."""
    length = end - start
    if length <= timedelta(minutes=15):
        return 25
    return 50 if length < timedelta(minutes=30) else 100


async def create(db: AsyncSession, runtime: Runtime, actor: Actor, body: GatheringIn) -> Gathering:
    """A draft of which the actor is the host.

    Raises:
        NotAuthorisedError: the actor arranges nothing in this organisation.
        BadScheduleError, UnknownReferenceError.
    """
    standing = await standing_of(db, actor, runtime.clock)
    if body.organisation_id not in standing.tree.by_id:
        raise UnknownReferenceError(extra={"unknown": [str(body.organisation_id)]})
    if body.organisation_id not in standing.arranges:
        raise NotAuthorisedError("you do not arrange gatherings of this organisation")
    _check_schedule(body.scheduled_start, body.scheduled_end)
    await _check_references(db, body.column_id, body.lecturer_id)
    credit = body.credit_hundredths
    if credit is None:
        # 0: by the rule of each member's home organisation, and nothing for meetings that are no study.
        studied = is_recorded(body.kind)
        credit = suggested_credit_hundredths(body.scheduled_start, body.scheduled_end) if studied else 0
    gathering = Gathering(
        **body.model_dump(exclude={"convened", "credit_hundredths", "kind", "may_watch", "replay_release"}),
        kind=body.kind.value,
        may_watch=body.may_watch.value,
        replay_release=body.replay_release.value,
        credit_hundredths=credit,
        code=await free_code(db),
        state=GatheringState.DRAFT.value,
        host_id=actor.person_id,
        created_at=runtime.clock.now(),
    )
    db.add(gathering)
    await db.flush()
    await replace_entries(
        db,
        gathering.id,
        organisation_ids=body.convened.organisation_ids,
        person_ids=body.convened.person_ids,
    )
    return gathering


async def change(db: AsyncSession, gathering: Gathering, body: GatheringPatch) -> None:
    """Apply a patch; `column_id` and `lecturer_id` may be set to null, other nulls mean absent.

    Raises:
        StateConflictError: after Start for anything but words, column and release.
        BadScheduleError, UnknownReferenceError.
    """
    changes: dict[str, Any] = {
        name: getattr(body, name)
        for name in body.model_fields_set
        if getattr(body, name) is not None or name in ("column_id", "lecturer_id")
    }
    if gathering.state not in _BEFORE_START and not changes.keys() <= _AT_ANY_TIME:
        raise StateConflictError(extra={"state": gathering.state})
    entries = changes.pop("convened", None)
    for name, value in changes.items():
        setattr(gathering, name, value.value if name in ("kind", "may_watch", "replay_release") else value)
    _check_schedule(gathering.scheduled_start, gathering.scheduled_end)
    await _check_references(db, changes.get("column_id"), changes.get("lecturer_id"))
    if changes.keys() & _CALENDAR_FIELDS:
        gathering.calendar_sequence += 1
    await db.flush()
    if entries is not None:
        await replace_entries(
            db, gathering.id, organisation_ids=entries.organisation_ids, person_ids=entries.person_ids
        )


async def call_off(
    db: AsyncSession, runtime: Runtime, gathering: Gathering, actor: Actor, *, step: Step, reason: str | None
) -> None:
    """Cancel, or note that it was not held."""
    gathering.state_reason = reason
    gathering.calendar_sequence += 1
    await service.take_step(db, runtime, gathering, step, cause=step.value, actor=actor)


async def free_code(db: AsyncSession) -> str:
    """A code no gathering has."""
    while True:
        code = new_code()
        if await db.scalar(select(Gathering.id).where(Gathering.code == code)) is None:
            return code


def _check_schedule(start: datetime, end: datetime) -> None:
    if not timedelta() < end - start <= LONGEST:
        raise BadScheduleError


async def _check_references(
    db: AsyncSession, column_id: uuid.UUID | None, lecturer_id: uuid.UUID | None
) -> None:
    unknown = []
    if column_id is not None and await db.get(TopicColumn, column_id) is None:
        unknown.append(str(column_id))
    if lecturer_id is not None and await db.get(Person, lecturer_id) is None:
        unknown.append(str(lecturer_id))
    if unknown:
        raise UnknownReferenceError(extra={"unknown": unknown})
