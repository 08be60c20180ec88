"""The programme clock of a gathering as clock pieces; the rules and the timeline are those of gatherings."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import epoch_ms
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.programme_clock import LiveSpan
from lecture_api.gatherings.states import ON_AIR, GatheringState
from lecture_api.gatherings.timeline import load_spans
from lecture_api.presence.intervals import ClockPiece


def effective_end_ms(gathering: Gathering) -> int | None:
    """The instant at which the programme ends for the record: corrected, else actual, else None (on air)."""
    if GatheringState(gathering.state) in ON_AIR:
        return None
    end = gathering.effective_end or gathering.actual_end
    return None if end is None else epoch_ms(end)


async def clock_pieces(db: AsyncSession, gathering: Gathering, now: datetime) -> tuple[ClockPiece, ...]:
    """Return wall → programme for the stretches of `live`, up to the effective end or, on air, up to now."""
    return pieces_of(await load_spans(db, gathering, now))


def pieces_of(spans: Iterable[LiveSpan]) -> tuple[ClockPiece, ...]:
    """The stretches of `live` as pieces of the clock. Pure."""
    return tuple(ClockPiece(span.wall_start_ms, span.wall_end_ms, span.programme_start_ms) for span in spans)
