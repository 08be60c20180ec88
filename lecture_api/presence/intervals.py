"""Algebra of half-open intervals `[start, end)` in integer milliseconds.

Pure: no clock, no I/O. Every function takes any iterable of (start, end) pairs, in any order, overlapping or
not, and returns the one canonical form: ascending, disjoint, non-empty, touching neighbours merged. So
results compare by `==`.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple


class Interval(NamedTuple):
    """A half-open range `[start, end)`, integer milliseconds."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Size in milliseconds, never negative."""
        return max(0, self.end - self.start)


Pairs = Iterable[tuple[int, int]]


def union(*families: Pairs) -> tuple[Interval, ...]:
    """Merge everything given; empty and reversed pairs count for nothing."""
    merged: list[Interval] = []
    for start, end in sorted((start, end) for family in families for start, end in family if start < end):
        if merged and start <= merged[-1].end:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, end))
        else:
            merged.append(Interval(start, end))
    return tuple(merged)


def intersection(left: Pairs, right: Pairs) -> tuple[Interval, ...]:
    """Return what is in both."""
    ours, theirs = union(left), union(right)
    common: list[Interval] = []
    i = j = 0
    while i < len(ours) and j < len(theirs):
        start, end = max(ours[i].start, theirs[j].start), min(ours[i].end, theirs[j].end)
        if start < end:
            common.append(Interval(start, end))
        if ours[i].end < theirs[j].end:
            i += 1
        else:
            j += 1
    return tuple(common)


def difference(left: Pairs, right: Pairs) -> tuple[Interval, ...]:
    """Return what is in `left` and not in `right`."""
    removed = union(right)
    kept: list[Interval] = []
    j = 0
    for start, end in union(left):
        while j < len(removed) and removed[j].end <= start:
            j += 1
        cursor, k = start, j
        while k < len(removed) and removed[k].start < end:
            if cursor < removed[k].start:
                kept.append(Interval(cursor, removed[k].start))
            cursor = max(cursor, removed[k].end)
            k += 1
        if cursor < end:
            kept.append(Interval(cursor, end))
    return tuple(kept)


def clip(spans: Pairs, window: tuple[int, int]) -> tuple[Interval, ...]:
    """Return the part inside one window."""
    return intersection(spans, (window,))


def total(spans: Pairs) -> int:
    """Return the size of the union in milliseconds; overlaps count once."""
    return sum(end - start for start, end in union(spans))


def short_gaps(spans: Pairs, longest: int) -> tuple[Interval, ...]:
    """Return the holes of at most `longest` ms *between* spans: what may be bridged, kept apart to be shown
    as such.

    What lies before the first and after the last span is no hole. Gaps never touch each other.
    """
    merged = union(spans)
    holes = (Interval(left.end, right.start) for left, right in pairwise(merged))
    return tuple(hole for hole in holes if hole.length <= longest)


class ClockPiece(NamedTuple):
    """One affine piece between two clocks that run at the same speed: `[source_start, source_end)` →
    `target_start`.
    """

    source_start: int
    source_end: int
    target_start: int


def project(spans: Pairs, pieces: Sequence[ClockPiece]) -> tuple[Interval, ...]:
    """Carry spans from the source clock to the target clock; what no piece covers is dropped.

    Pieces need no order. Two pieces with the same target (a map that shows a range twice) are merged by
    union.
    """
    canonical = union(spans)
    landed: list[Interval] = []
    for piece in pieces:
        shift = piece.target_start - piece.source_start
        landed += [
            Interval(start + shift, end + shift)
            for start, end in clip(canonical, (piece.source_start, piece.source_end))
        ]
    return union(landed)
