"""The programme clock: wall instants ↔ milliseconds of programme, a pure function of the timeline
(joints.md §7).

0 at the first Start, runs only in `live`, stands still in `interrupted`, `on_break`, `service_gap` and
after End; never renumbered. Everything is integer milliseconds since the epoch; ranges are half-open. No
database, no clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lecture_api.gatherings.states import TimelineState


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """From `at_ms` on, `state` holds."""

    at_ms: int
    state: TimelineState


@dataclass(frozen=True, slots=True)
class LiveSpan:
    """A stretch of `live`: wall [wall_start_ms, wall_end_ms) is programme [programme_start_ms,
    programme_end_ms)."""

    wall_start_ms: int
    wall_end_ms: int
    programme_start_ms: int

    @property
    def programme_end_ms(self) -> int:
        """Programme position at the end of the stretch."""
        return self.programme_start_ms + self.wall_end_ms - self.wall_start_ms


def live_spans(timeline: Iterable[TimelineRow], until_ms: int) -> list[LiveSpan]:
    """The stretches of `live` before `until_ms`, in order, empty ones left out.

    Args:
        timeline: rows in any order; rows with the same instant count in the order given.
        until_ms: now for a gathering on air, the effective end for one that is over. What lies behind is
            cut off.
    """
    spans: list[LiveSpan] = []
    programme = 0
    since: int | None = None
    ending = TimelineRow(until_ms, TimelineState.ENDED)
    for row in [*sorted(timeline, key=lambda item: item.at_ms), ending]:
        if since is not None:
            end = min(row.at_ms, until_ms)
            if end > since:
                spans.append(LiveSpan(since, end, programme))
                programme = spans[-1].programme_end_ms
            since = None
        if row.state is TimelineState.LIVE and row.at_ms < until_ms:
            since = row.at_ms
        if row is ending:
            break
    return spans


def programme_length_ms(spans: Sequence[LiveSpan]) -> int:
    """Length of the programme so far."""
    return spans[-1].programme_end_ms if spans else 0


def programme_at(spans: Sequence[LiveSpan], wall_ms: int) -> int:
    """Where the programme clock stood at a wall instant: clamped to 0 before Start and to the length at
    the end."""
    position = 0
    for span in spans:
        if wall_ms < span.wall_start_ms:
            break
        position = span.programme_start_ms + min(wall_ms, span.wall_end_ms) - span.wall_start_ms
    return position


def project(spans: Sequence[LiveSpan], wall_start_ms: int, wall_end_ms: int) -> list[tuple[int, int]]:
    """The programme ranges, disjoint and ascending, that a wall interval covers; adjoining ones are
    joined."""
    ranges: list[tuple[int, int]] = []
    for span in spans:
        start, end = max(wall_start_ms, span.wall_start_ms), min(wall_end_ms, span.wall_end_ms)
        if start >= end:
            continue
        shift = span.programme_start_ms - span.wall_start_ms
        if ranges and ranges[-1][1] == start + shift:
            ranges[-1] = (ranges[-1][0], end + shift)
        else:
            ranges.append((start + shift, end + shift))
    return ranges


def wall_at(spans: Sequence[LiveSpan], programme_ms: int) -> int | None:
    """The wall instant at which the clock first showed `programme_ms`; None outside the programme."""
    for span in spans:
        if span.programme_start_ms <= programme_ms < span.programme_end_ms:
            return span.wall_start_ms + programme_ms - span.programme_start_ms
    return None
