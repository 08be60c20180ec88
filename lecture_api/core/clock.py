"""Time: the only place of the API that reads a clock, and the calendar of Asia/Shanghai.

Instants are aware UTC datetimes; ranges are half-open; days and years are those of Asia/Shanghai
(joints.md §12).
"""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """What a feature may ask of time; injected, so tests move it by hand."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin; a step of the wall clock does not move it."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()


class ManualClock:
    """A clock that stands until it is moved: for tests."""

    def __init__(self, now: datetime) -> None:
        self._now = to_utc(now)
        self._monotonic = 1000.0

    def now(self) -> datetime:
        """The instant it was set to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds moved so far, from 1000."""
        return self._monotonic

    def advance(self, *, seconds: float) -> datetime:
        """Move both clocks forward and return the new instant."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        return self._now


def to_utc(instant: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: the datetime is naive, so it names no instant.
    """
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime names no instant: {instant.isoformat()}")
    return instant.astimezone(UTC)


def epoch_ms(instant: datetime) -> int:
    """Milliseconds since 1970-01-01T00:00Z, rounded down."""
    return (to_utc(instant) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_epoch_ms(milliseconds: int) -> datetime:
    """The instant that many milliseconds after 1970-01-01T00:00Z."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def shanghai_day(instant: datetime) -> date:
    """The calendar day in Asia/Shanghai that holds the instant."""
    return to_utc(instant).astimezone(SHANGHAI).date()


def shanghai_year(instant: datetime) -> int:
    """The calendar year in Asia/Shanghai that holds the instant."""
    return shanghai_day(instant).year


def shanghai_day_bounds(day: date) -> tuple[datetime, datetime]:
    """The half-open range of instants [start, end) that make up a day in Asia/Shanghai."""
    start = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    return start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)
