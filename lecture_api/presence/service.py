"""Reading presence: who was there when, as wall-clock intervals in UTC ms. Judges nothing.

Open connections count as far as their grace reaches, so what is read at End is what the closed rows will say,
once clipped to the programme.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import epoch_ms
from lecture_api.presence.evidence import AWAY_AFTER_MS, BEAT_GRACE_MS, CloseCause
from lecture_api.presence.intervals import Interval, union
from lecture_api.presence.models import PresenceInterval, PresenceOpen


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """One interval of one connection, with where it came from and why it ended (None: it has not)."""

    source: str
    start_ms: int
    end_ms: int
    cause: str | None


@dataclass(frozen=True, slots=True)
class Presence:
    """All evidence of one person in one gathering."""

    lines: tuple[EvidenceLine, ...]

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """`connected`: the union over all devices, unbridged."""
        return union((line.start_ms, line.end_ms) for line in self.lines)

    def is_here(self, now_ms: int) -> bool:
        """Whether the roster shows the person as here: it forgives `AWAY_AFTER_MS` of silence, no
        farewell.
        """
        for line in self.lines:
            if line.cause is None:
                return True
            silent = line.cause in (CloseCause.SILENT, CloseCause.RESTART)
            if silent and now_ms < line.end_ms - BEAT_GRACE_MS + AWAY_AFTER_MS:
                return True
        return False


async def presence_of(
    db: AsyncSession, gathering_id: uuid.UUID, subjects: Iterable[uuid.UUID] | None = None
) -> dict[uuid.UUID, Presence]:
    """Return the presence of everybody counted in a gathering, or of `subjects` only; who was never seen is
    missing.
    """
    closed = select(PresenceInterval).where(PresenceInterval.gathering_id == gathering_id)
    still_open = select(PresenceOpen).where(PresenceOpen.gathering_id == gathering_id)
    if subjects is not None:
        wanted = list(subjects)
        closed = closed.where(PresenceInterval.subject_id.in_(wanted))
        still_open = still_open.where(PresenceOpen.subject_id.in_(wanted))
    lines: dict[uuid.UUID, list[EvidenceLine]] = defaultdict(list)
    for row in await db.scalars(closed):
        line = EvidenceLine(row.source, epoch_ms(row.started_at), epoch_ms(row.ended_at), row.cause)
        lines[row.subject_id].append(line)
    for opened in await db.scalars(still_open):
        until = epoch_ms(opened.last_evidence_at) + BEAT_GRACE_MS
        lines[opened.subject_id].append(EvidenceLine(opened.source, epoch_ms(opened.started_at), until, None))
    return {
        subject: Presence(tuple(sorted(found, key=lambda line: (line.start_ms, line.end_ms))))
        for subject, found in lines.items()
    }


def until(intervals: Sequence[Interval], now_ms: int) -> tuple[Interval, ...]:
    """Cut off the future: grace that has not passed yet is not presence so far."""
    return union((start, min(end, now_ms)) for start, end in intervals)
