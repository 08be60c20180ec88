"""The programme clock: properties over any timeline, and the cases people ask about."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lecture_api.gatherings.programme_clock import (
    TimelineRow,
    live_spans,
    programme_at,
    programme_length_ms,
    project,
    wall_at,
)
from lecture_api.gatherings.states import TimelineState

MINUTE = 60_000
LIVE, INTERRUPTED = TimelineState.LIVE, TimelineState.INTERRUPTED
BREAK, GAP, ENDED = TimelineState.ON_BREAK, TimelineState.SERVICE_GAP, TimelineState.ENDED


def rows(*items: tuple[int, TimelineState]) -> list[TimelineRow]:
    return [TimelineRow(minute * MINUTE, state) for minute, state in items]


TIMELINES = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from(TimelineState)), min_size=1, max_size=12
).map(lambda items: rows(*items))


def test_clock_runs_in_live_only() -> None:
    timeline = rows(
        (0, LIVE), (10, INTERRUPTED), (15, LIVE), (20, BREAK), (30, LIVE), (40, GAP), (45, LIVE), (50, ENDED)
    )
    spans = live_spans(timeline, 50 * MINUTE)
    assert programme_length_ms(spans) == 30 * MINUTE
    assert [programme_at(spans, minute * MINUTE) // MINUTE for minute in (0, 5, 12, 17, 25, 42, 47, 99)] == [
        0,
        5,
        10,
        12,
        15,
        25,
        27,
        30,
    ]


def test_corrected_end_cuts_what_lies_behind() -> None:
    spans = live_spans(rows((0, LIVE), (60, ENDED)), 20 * MINUTE)
    assert programme_length_ms(spans) == 20 * MINUTE


def test_resumed_gathering_goes_on_where_it_stood() -> None:
    spans = live_spans(rows((0, LIVE), (30, ENDED), (35, INTERRUPTED), (36, LIVE), (46, ENDED)), 46 * MINUTE)
    assert programme_length_ms(spans) == 40 * MINUTE
    assert wall_at(spans, 30 * MINUTE) == 36 * MINUTE


def test_presence_across_an_interruption_is_one_stretch_of_programme() -> None:
    spans = live_spans(rows((0, LIVE), (10, INTERRUPTED), (20, LIVE), (30, ENDED)), 30 * MINUTE)
    assert project(spans, 5 * MINUTE, 25 * MINUTE) == [(5 * MINUTE, 15 * MINUTE)]
    assert project(spans, 11 * MINUTE, 19 * MINUTE) == []


@given(TIMELINES, st.integers(0, 250).map(lambda minute: minute * MINUTE))
def test_spans_are_disjoint_and_the_programme_has_no_hole(timeline: list[TimelineRow], until: int) -> None:
    spans = live_spans(timeline, until)
    position, wall = 0, -1
    for span in spans:
        assert span.programme_start_ms == position
        assert span.wall_start_ms >= wall
        assert span.wall_end_ms > span.wall_start_ms
        assert span.wall_end_ms <= until
        position, wall = span.programme_end_ms, span.wall_end_ms
    assert programme_length_ms(spans) == position


@given(TIMELINES, st.integers(0, 250), st.integers(0, 250))
def test_clock_never_goes_back_and_never_outruns_the_wall(
    timeline: list[TimelineRow], first: int, second: int
) -> None:
    spans = live_spans(timeline, 200 * MINUTE)
    early, late = sorted((first * MINUTE, second * MINUTE))
    assert 0 <= programme_at(spans, late) - programme_at(spans, early) <= late - early


@given(TIMELINES, st.integers(0, 250), st.integers(0, 250))
def test_projection_is_as_long_as_the_clock_advanced(
    timeline: list[TimelineRow], first: int, second: int
) -> None:
    spans = live_spans(timeline, 200 * MINUTE)
    early, late = sorted((first * MINUTE, second * MINUTE))
    projected = project(spans, early, late)
    advanced = programme_at(spans, late) - programme_at(spans, early)
    assert sum(end - start for start, end in projected) == advanced
    assert all(earlier[1] < later[0] for earlier, later in pairwise(projected))


@given(TIMELINES, st.integers(0, 200 * MINUTE))
def test_wall_instant_of_a_position_shows_that_position(timeline: list[TimelineRow], position: int) -> None:
    spans = live_spans(timeline, 200 * MINUTE)
    wall = wall_at(spans, position)
    if wall is None:
        assert position >= programme_length_ms(spans)
    else:
        assert programme_at(spans, wall) == position


@given(TIMELINES, st.integers(0, 100), st.integers(0, 100))
def test_clock_is_never_renumbered_as_the_timeline_grows(
    timeline: list[TimelineRow], now: int, later: int
) -> None:
    seen = [row for row in timeline if row.at_ms <= now * MINUTE]
    before = live_spans(seen, now * MINUTE)
    after = live_spans(timeline, (now + later) * MINUTE)
    assert programme_at(after, now * MINUTE) == programme_length_ms(before)
