"""The programme clock of a gathering as clock pieces, read from its timeline; the rules are those of
gatherings.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import epoch_ms
from lecture_api.gatherings.models import Gathering, GatheringTransition
from lecture_api.gatherings.programme_clock import TimelineRow, live_spans
from lecture_api.gatherings.states import TimelineState
from lecture_api.presence.intervals import ClockPiece


def effective_end_ms(gathering: Gathering) -> int | None:
    """The instant at which the programme ends for the record: corrected, else actual, else None (on air)."""
    end = gathering.effective_end or gathering.actual_end
    return None if end is None else epoch_ms(end)


async def clock_pieces(db: AsyncSession, gathering: Gathering, now_ms: int) -> tuple[ClockPiece, ...]:
    """Return wall → programme for the stretches of `live`, up to the effective end or, on air, up to now."""
    rows = await db.scalars(
        select(GatheringTransition)
        .where(GatheringTransition.gathering_id == gathering.id)
        .order_by(GatheringTransition.at, GatheringTransition.id)
    )
    return pieces_of([(epoch_ms(row.at), row.state) for row in rows], effective_end_ms(gathering), now_ms)


def pieces_of(timeline: Sequence[tuple[int, str]], end_ms: int | None, now_ms: int) -> tuple[ClockPiece, ...]:
    """The same from rows (at_ms, state) in their order. Pure."""
    rows = [TimelineRow(at_ms, TimelineState(state)) for at_ms, state in timeline]
    spans = live_spans(rows, now_ms if end_ms is None else end_ms)
    return tuple(ClockPiece(span.wall_start_ms, span.wall_end_ms, span.programme_start_ms) for span in spans)


async def gathering_or_none(db: AsyncSession, gathering_id: uuid.UUID) -> Gathering | None:
    """Read a gathering without judging who asks: for background work only."""
    return await db.get(Gathering, gathering_id)
