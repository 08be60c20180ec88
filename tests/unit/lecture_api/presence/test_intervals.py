"""The interval algebra against brute force, millisecond by millisecond."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lecture_api.presence.intervals import (
    ClockPiece,
    Interval,
    clip,
    difference,
    intersection,
    project,
    short_gaps,
    total,
    union,
)

LIMIT = 60
points = st.integers(0, LIMIT)
pairs = st.lists(st.tuples(points, points), max_size=12)


def cells(spans):
    return {cell for start, end in spans for cell in range(start, end)}


def is_canonical(spans):
    return all(start < end for start, end in spans) and all(
        left[1] < right[0] for left, right in itertools.pairwise(spans)
    )


@given(pairs, pairs)
def test_algebra_equals_brute_force(left, right):
    for result, expected in (
        (union(left, right), cells(left) | cells(right)),
        (intersection(left, right), cells(left) & cells(right)),
        (difference(left, right), cells(left) - cells(right)),
    ):
        assert is_canonical(result)
        assert cells(result) == expected
        assert total(result) == len(expected)


@given(pairs, st.randoms(use_true_random=False))
def test_union_is_idempotent_and_order_free(spans, random):
    shuffled = list(spans)
    random.shuffle(shuffled)
    assert union(union(spans)) == union(shuffled) == union(spans, spans)


@given(pairs, points)
def test_splitting_an_interval_anywhere_changes_nothing(spans, at):
    split = [
        piece
        for s, e in spans
        for piece in ((s, min(max(at, s), max(s, e))), (min(max(at, s), max(s, e)), e))
    ]
    assert union(split) == union(spans)


@given(pairs, st.integers(0, 10))
def test_short_gaps_are_the_short_holes_between_spans(spans, longest):
    gaps = short_gaps(spans, longest)
    assert not cells(gaps) & cells(spans)
    merged = union(spans, gaps)
    assert all(b.start - a.end > longest for a, b in itertools.pairwise(merged))
    if spans_merged := union(spans):
        assert merged[0].start == spans_merged[0].start
        assert merged[-1].end == spans_merged[-1].end


@given(pairs, points, points, st.integers(-30, 30))
def test_projection_moves_and_clips(spans, a, b, shift):
    start, end = min(a, b), max(a, b)
    landed = project(spans, [ClockPiece(start, end, start + shift)])
    assert cells(landed) == {cell + shift for cell in cells(clip(spans, (start, end)))}


def test_touching_intervals_are_one():
    assert union([(5, 9), (0, 5)]) == (Interval(0, 9),)
