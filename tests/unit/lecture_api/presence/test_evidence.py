"""Evidence becomes intervals by joints §8."""

from hypothesis import given
from hypothesis import strategies as st

from lecture_api.presence.evidence import (
    BEAT_GRACE_MS,
    CloseCause,
    OpenInterval,
    expire,
    extend,
    farewell,
    from_instants,
)
from lecture_api.presence.intervals import total, union

instants = st.lists(st.integers(0, 400_000), max_size=30)


def test_an_interval_ends_twenty_seconds_after_its_last_evidence():
    (closed,) = from_instants([0, 2_000, 4_000])
    assert (closed.start_ms, closed.end_ms, closed.cause) == (0, 24_000, CloseCause.SILENT)


def test_a_farewell_ends_it_at_once():
    (closed,) = from_instants([0, 2_000], left_at_ms=3_000)
    assert (closed.end_ms, closed.cause) == (3_000, CloseCause.LEFT)


def test_a_farewell_after_silence_comes_too_late():
    (closed,) = from_instants([0], left_at_ms=60_000)
    assert (closed.end_ms, closed.cause) == (20_000, CloseCause.SILENT)


def test_evidence_after_the_grace_opens_a_second_interval():
    first, second = from_instants([0, 20_001])
    assert (first.end_ms, second.start_ms, second.end_ms) == (20_000, 20_001, 40_001)


def test_a_restart_closes_at_last_evidence_plus_grace():
    assert expire(OpenInterval(0, 5_000), CloseCause.RESTART).end_ms == 25_000


def test_late_evidence_does_not_shorten():
    interval, dead = extend(OpenInterval(10_000, 30_000), 12_000)
    assert dead is None
    assert interval == OpenInterval(10_000, 30_000)


def test_a_farewell_before_later_evidence_keeps_the_evidence():
    assert farewell(OpenInterval(0, 9_000), 5_000).end_ms == 9_000


@given(instants)
def test_intervals_equal_the_union_of_graces(stream):
    closed = from_instants(stream)
    got = union((interval.start_ms, interval.end_ms) for interval in closed)
    assert got == union((at, at + BEAT_GRACE_MS) for at in stream)


@given(instants, st.integers(0, 400_000))
def test_more_evidence_never_shortens_presence(stream, extra):
    def size(instants):
        return total((c.start_ms, c.end_ms) for c in from_instants(instants))

    assert size([*stream, extra]) >= size(stream)
    assert size(stream * 2) == size(stream)
