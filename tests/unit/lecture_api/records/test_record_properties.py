"""What holds for any evidence: brute force, order-free, idempotent, monotone, split-invariant, inside."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lecture_api.presence.intervals import ClockPiece, union
from lecture_api.records.attendance import AttendanceStatus, Evidence, MakeupStatus, ReplayEvidence, assess
from lecture_api.records.coverage import Programme, cover
from lecture_api.records.credit import DEFAULT_RULE, credit_of
from lecture_api.records.policy import AttendancePolicy

# Seconds stand for milliseconds here: small numbers, same rules.
POLICY = AttendancePolicy(late_grace_ms=10, leave_grace_ms=10, bridge_ms=5)
points = st.integers(0, 150)
spans = st.lists(st.tuples(points, points), max_size=8)


@st.composite
def programmes(draw):
    pieces, wall, clock = [], 0, 0
    for _ in range(draw(st.integers(1, 4))):
        wall += draw(st.integers(0, 20))
        length = draw(st.integers(1, 40))
        pieces.append(ClockPiece(wall, wall + length, clock))
        wall, clock = wall + length, clock + length
    return Programme(tuple(pieces), union(draw(st.lists(st.tuples(points, points), max_size=1))))


def cells(family):
    return {cell for start, end in family for cell in range(start, end)}


def brute(programme, presence, replay, bridge):
    clock = {
        p.target_start + w - p.source_start: w
        for p in programme.pieces
        for w in range(p.source_start, p.source_end)
    }
    counted = {ms for ms in clock if ms not in cells(programme.excluded)}
    end = max(counted, default=-1) + 1
    there = {ms for ms, wall in clock.items() if wall in cells(presence) and ms < end}
    bridged, run = set(), set()
    for ms in range(min(there, default=0), max(there, default=-1) + 1):
        if ms in there:
            bridged |= run if len(run) <= bridge else set()
            run = set()
        else:
            run.add(ms)
    live, bridged = there & counted, bridged & counted
    return live, bridged, (cells(replay) & counted) - live - bridged


@given(programmes(), spans, spans, st.integers(0, 8))
def test_coverage_equals_brute_force(programme, presence, replay, bridge):
    coverage = cover(programme, presence, replay, bridge)
    assert (cells(coverage.live), cells(coverage.bridged), cells(coverage.replay)) == brute(
        programme, presence, replay, bridge
    )
    assert coverage.covered_ms <= coverage.length_ms
    bar = coverage.spans
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(bar))


@given(programmes(), spans, spans, st.randoms(use_true_random=False), points)
def test_order_repetition_and_splits_change_nothing(programme, presence, replay, random, at):
    shuffled = [*presence, *presence]
    random.shuffle(shuffled)
    pieces = [
        part for s, e in shuffled if s < e for part in ((s, max(s, min(at, e))), (max(s, min(at, e)), e))
    ]
    assert cover(programme, pieces, [*replay, *replay], 5) == cover(programme, presence, replay, 5)


@given(programmes(), spans, spans, st.tuples(points, points))
def test_more_evidence_never_covers_less(programme, presence, replay, extra):
    before = cover(programme, presence, replay, 5)
    assert cover(programme, [*presence, extra], replay, 5).present_ms >= before.present_ms
    assert cover(programme, [*presence, extra], replay, 5).covered_ms >= before.covered_ms
    assert cover(programme, presence, [*replay, extra], 5).covered_ms >= before.covered_ms


def claims(ranges):
    return tuple(ReplayEvidence(((s, e),), ((1_000 + s, 1_000 + e),), 1_000 + e) for s, e in ranges)


def standing(verdict):
    """0 absent, 1 there without credit, 2 late with credit, 3 present.

    Late, left early and pending without the threshold stand alike: all are proposals that earn nothing
    (domain.md §4.4), and one more moment before the grace turns the first into another.
    """
    if verdict.status is AttendanceStatus.ABSENT:
        return 0
    if not verdict.earns_live:
        return 1
    return 3 if verdict.status is AttendanceStatus.PRESENT else 2


@given(programmes(), spans, spans, st.tuples(points, points))
def test_more_evidence_never_lowers_a_status_or_takes_a_credit(programme, presence, replay, extra):
    def record(more=(), again=()):
        return assess(programme, Evidence((*presence, *more), claims([*replay, *again])), POLICY)

    def earns(verdict):
        return credit_of(verdict, DEFAULT_RULE, fixed_hundredths=100, ended_ms=0) is not None

    before = record()
    for after in (record(more=[extra]), record(again=[extra])):
        assert standing(after) >= standing(before)
        assert earns(after) >= earns(before)
    assert record() == before


@given(programmes(), spans, spans)
def test_made_up_never_stands_beside_enough_live_presence(programme, presence, replay):
    verdict = assess(programme, Evidence(tuple(presence), claims(replay)), POLICY)
    if verdict.makeup is MakeupStatus.MADE_UP:
        assert verdict.coverage.present_ms * 100 < POLICY.threshold_percent * verdict.coverage.length_ms
        assert verdict.coverage.covered_ms * 100 >= POLICY.makeup_percent * verdict.coverage.length_ms
