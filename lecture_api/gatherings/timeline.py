"""Reads and writes a gathering's timeline: the rows the programme clock is computed from."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import epoch_ms
from lecture_api.gatherings.models import Gathering, GatheringTransition
from lecture_api.gatherings.programme_clock import LiveSpan, TimelineRow, live_spans
from lecture_api.gatherings.states import ON_AIR, GatheringState, TimelineState


async def append_row(
    db: AsyncSession,
    gathering_id: uuid.UUID,
    *,
    at: datetime,
    state: TimelineState,
    cause: str,
    recorded_at: datetime,
    actor_subject_id: uuid.UUID | None = None,
) -> datetime:
    """Append a row; returns its instant, which is never before the last row's: time on the line only
    grows."""
    last = await db.scalar(
        select(GatheringTransition.at)
        .where(GatheringTransition.gathering_id == gathering_id)
        .order_by(GatheringTransition.at.desc())
        .limit(1)
    )
    at = at if last is None else max(at, last)
    db.add(
        GatheringTransition(
            gathering_id=gathering_id,
            at=at,
            state=state.value,
            cause=cause,
            actor_subject_id=actor_subject_id,
            recorded_at=recorded_at,
        )
    )
    await db.flush()
    return at


async def load_timeline(db: AsyncSession, gathering_id: uuid.UUID) -> list[TimelineRow]:
    """The rows of a gathering in order."""
    rows = await db.execute(
        select(GatheringTransition.at, GatheringTransition.state)
        .where(GatheringTransition.gathering_id == gathering_id)
        .order_by(GatheringTransition.at, GatheringTransition.id)
    )
    return [TimelineRow(epoch_ms(at), TimelineState(state)) for at, state in rows]


def programme_until(gathering: Gathering, now: datetime) -> datetime:
    """Up to which instant the programme counts: now while on air, the effective end afterwards."""
    if GatheringState(gathering.state) in ON_AIR:
        return now
    return gathering.effective_end or gathering.actual_end or now


async def load_spans(db: AsyncSession, gathering: Gathering, now: datetime) -> list[LiveSpan]:
    """The stretches in which the programme clock ran (or runs, up to `now`)."""
    return live_spans(await load_timeline(db, gathering.id), epoch_ms(programme_until(gathering, now)))
