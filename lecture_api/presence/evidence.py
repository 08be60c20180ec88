"""From evidence of one connection to intervals (joints §8): pure, no clock of its own.

Evidence is an instant at which the server knew the person was there: the channel opened, a pong came, a
receiver report confirmed delivery. An interval lives `BEAT_GRACE_MS` beyond its last evidence, not longer,
and ends at once at a farewell. Bridging of short silences belongs to the record, never to evidence.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

BEAT_GRACE_MS = 20_000
"""How long one piece of evidence lasts (`beat_grace`); not to be confused with late_grace and leave_grace."""

AWAY_AFTER_MS = 45_000
"""Silence after which the roster shows a person as away. It changes no interval."""


class CloseCause(StrEnum):
    """Why an interval ended."""

    LEFT = "left"
    SILENT = "silent"
    RESTART = "restart"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class OpenInterval:
    """An interval that still grows: instants are UTC milliseconds on the server's clock."""

    start_ms: int
    last_evidence_ms: int

    @property
    def expires_ms(self) -> int:
        """The instant at which silence closes it."""
        return self.last_evidence_ms + BEAT_GRACE_MS


@dataclass(frozen=True, slots=True)
class ClosedInterval:
    """The canonical evidence: `[start_ms, end_ms)` and why it ended."""

    start_ms: int
    end_ms: int
    cause: CloseCause


def extend(interval: OpenInterval | None, at_ms: int) -> tuple[OpenInterval, ClosedInterval | None]:
    """Add one piece of evidence; returns the interval that is open now and the one that this evidence found
    dead.

    Late evidence (older than what is known) moves nothing backwards but an interval's own start.
    """
    if interval is None:
        return OpenInterval(at_ms, at_ms), None
    if at_ms > interval.expires_ms:
        return OpenInterval(at_ms, at_ms), expire(interval)
    return OpenInterval(min(interval.start_ms, at_ms), max(interval.last_evidence_ms, at_ms)), None


def expire(interval: OpenInterval, cause: CloseCause = CloseCause.SILENT) -> ClosedInterval:
    """Close at last evidence + grace: the end of whoever just went silent, or of a row a restart left
    behind.
    """
    return ClosedInterval(interval.start_ms, interval.expires_ms, cause)


def farewell(interval: OpenInterval, at_ms: int, cause: CloseCause = CloseCause.LEFT) -> ClosedInterval:
    """Close at a known departure: at that instant, unless silence had closed it before."""
    if at_ms > interval.expires_ms:
        return expire(interval)
    return ClosedInterval(interval.start_ms, max(interval.last_evidence_ms, at_ms), cause)


def from_instants(instants: Iterable[int], left_at_ms: int | None = None) -> tuple[ClosedInterval, ...]:
    """Fold a whole stream of evidence of one connection (any order) into its closed intervals."""
    current: OpenInterval | None = None
    closed: list[ClosedInterval] = []
    for at_ms in sorted(instants):
        current, dead = extend(current, at_ms)
        if dead is not None:
            closed.append(dead)
    if current is not None:
        closed.append(expire(current) if left_at_ms is None else farewell(current, left_at_ms))
    return tuple(closed)
