"""Golden vectors of domain.md §6 (a)-(i), invariant I7 and learning-records.md §4.2 A-K."""

from datetime import date

import pytest

from lecture_api.core.clock import epoch_ms
from lecture_api.presence.intervals import ClockPiece, Interval
from lecture_api.records.attendance import AttendanceStatus, Evidence, MakeupStatus, ReplayEvidence, assess
from lecture_api.records.coverage import Programme, cover, engaged_ms
from lecture_api.records.credit import (
    ANNUAL_TARGET_HUNDREDTHS,
    DEFAULT_RULE,
    CreditCategory,
    CreditSource,
    credit_of,
    split_by_year,
)
from lecture_api.records.policy import DAY_MS, DEFAULT_POLICY

MIN = 60_000
START = 1_774_868_400_000  # 2026-03-30 19:00 in Shanghai
PROGRAMME = Programme((ClockPiece(START, START + 60 * MIN, 0),))
PUBLISHED = START + 61 * MIN


def wall(*minutes):
    return tuple((START + int(a * MIN), START + int(b * MIN)) for a, b in minutes)


def replayed(*minutes, speed=1.0, after_days=1.0):
    """Claims of one player that plays these minutes one after the other."""
    claims, at = [], PUBLISHED + int(after_days * DAY_MS)
    for a, b in minutes:
        took = int((b - a) * MIN / speed)
        claims.append(ReplayEvidence(((int(a * MIN), int(b * MIN)),), ((at, at + took),), at + took))
        at += took
    return tuple(claims)


def judge(presence=(), replay=(), **rest):
    return assess(PROGRAMME, Evidence(presence, replay, published_ms=PUBLISHED, **rest), DEFAULT_POLICY)


def credit(verdict, fixed=None):
    return credit_of(verdict, DEFAULT_RULE, fixed_hundredths=fixed, ended_ms=START + 60 * MIN)


P, L, E, V, A = (
    AttendanceStatus.PRESENT,
    AttendanceStatus.LATE,
    AttendanceStatus.LEFT_EARLY,
    AttendanceStatus.ON_LEAVE,
    AttendanceStatus.ABSENT,
)
NO, YES = MakeupStatus.NONE, MakeupStatus.MADE_UP


@pytest.mark.parametrize(
    ("presence", "replay", "on_leave", "minutes", "status", "makeup", "earns"),
    [
        pytest.param(wall((-5, 65)), (), False, 60, P, NO, True, id="a"),
        pytest.param(wall((5, 30), (28, 60)), (), False, 55, P, NO, True, id="b"),
        pytest.param(wall((15, 60)), (), False, 45, L, NO, False, id="c-live"),
        pytest.param(wall((15, 60)), replayed((0, 15)), False, 60, L, YES, True, id="c-replay"),
        pytest.param(wall((0, 20)), (), False, 20, E, NO, False, id="d"),
        pytest.param((), replayed((0, 57)), True, 57, V, YES, True, id="e"),
        pytest.param((), replayed((0, 2), (57.2, 60)), False, 4.8, A, NO, False, id="f"),
        pytest.param((), replayed((0, 42), (0, 42)), False, 42, A, NO, False, id="g"),
        pytest.param(wall((0, 30), (30 + 1 / 3, 60)), (), False, 60, P, NO, True, id="i"),
    ],
)
def test_golden_session(presence, replay, on_leave, minutes, status, makeup, earns):  # noqa: PLR0917
    verdict = judge(presence, replay, on_leave=on_leave)
    assert verdict.coverage.covered_ms == int(minutes * MIN)
    assert (verdict.status, verdict.makeup) == (status, makeup)
    assert (credit(verdict) is not None) is earns


def test_golden_h_two_tabs_at_double_speed_are_capped_by_wall_time():
    at = PUBLISHED + DAY_MS
    shared = ((at, at + 15 * MIN),)
    tabs = (
        ReplayEvidence(((0, 30 * MIN),), shared, at + 15 * MIN),
        ReplayEvidence(((30 * MIN, 60 * MIN),), shared, at + 15 * MIN),
    )
    verdict = judge((), tabs)
    assert (verdict.coverage.covered_ms, verdict.engaged_ms) == (60 * MIN, 15 * MIN)
    assert verdict.makeup is NO


def test_golden_i_a_bridged_silence_is_shown_as_bridged():
    verdict = judge(wall((0, 30), (30 + 1 / 3, 60)))
    assert verdict.coverage.bridged == (Interval(30 * MIN, 30 * MIN + 20_000),)
    assert "bridged" in {line.code for line in verdict.why}


def test_i7_live_and_replay_together_earn_one_credit():
    both = credit(judge(wall((0, 60)), replayed((0, 60))))
    assert both is not None
    assert (both.hundredths, both.source) == (100, CreditSource.LIVE)


def test_makeup_beside_a_late_that_reached_the_threshold_changes_nothing():
    verdict = judge(wall((11, 60)), replayed((0, 11)))
    assert (verdict.status, verdict.makeup) == (L, NO)
    assert credit(verdict).source is CreditSource.LIVE


def test_replay_after_the_window_covers_but_makes_nothing_up():
    verdict = judge((), replayed((0, 60), after_days=31))
    assert verdict.coverage.covered_ms == 60 * MIN
    assert verdict.makeup is NO
    assert [line.code for line in verdict.why] == ["never_seen", "makeup_too_late"]


def test_coming_late_and_staying_without_enough_is_left_to_the_recorder():
    verdict = judge(wall((40, 60)))
    assert verdict.status is AttendanceStatus.PENDING
    assert verdict.is_proposal


def test_observers_are_neither_late_nor_absent():
    verdict = judge(expected_as="observer")
    assert (verdict.status, verdict.is_proposal) == (AttendanceStatus.OBSERVER, False)


@pytest.mark.parametrize(
    ("minutes", "hundredths"), [(8, 25), (15, 25), (20, 50), (28, 50), (30, 100), (60, 100), (0, 0)]
)
def test_golden_credit(minutes, hundredths):
    assert DEFAULT_RULE.hundredths(minutes * MIN) == hundredths


def test_golden_credit_reaches_the_target_exactly():
    assert 3_175 + DEFAULT_RULE.hundredths(8 * MIN) == ANNUAL_TARGET_HUNDREDTHS


def test_golden_training_across_new_year_is_split_by_year():
    assert split_by_year(date(2026, 12, 30), date(2027, 1, 2), 800) == {2026: 400, 2027: 400}
    assert split_by_year(date(2026, 12, 31), date(2027, 1, 2), 100) == {2026: 33, 2027: 67}
    with pytest.raises(ValueError, match="ends"):
        split_by_year(date(2027, 1, 2), date(2027, 1, 1), 100)


def test_the_year_is_that_of_the_end_in_shanghai():
    from datetime import UTC, datetime

    ended = epoch_ms(datetime(2026, 12, 31, 16, 30, tzinfo=UTC))
    assert credit_of(judge(wall((0, 60))), DEFAULT_RULE, fixed_hundredths=None, ended_ms=ended).year == 2027


def test_hours_set_by_the_host_replace_the_rule():
    earned = credit(judge(wall((0, 60))), fixed=200)
    assert (earned.hundredths, earned.category) == (200, CreditCategory.COLLECTIVE)
    assert credit(judge(wall((0, 60))), fixed=0) is None


# learning-records.md §4.2; seconds, L = 3600.
WHOLE = (ClockPiece(0, 3_600_000, 0),)
CUT = (ClockPiece(0, 1_200_000, 0), ClockPiece(1_500_000, 3_900_000, 1_200_000))


@pytest.mark.parametrize(
    ("pieces", "live", "replay", "credited", "share"),
    [
        pytest.param(WHOLE, [(0, 1800)], [], 1800, 0.500, id="A"),
        pytest.param(WHOLE, [(0, 1800)], [(1500, 2700)], 2700, 0.750, id="B"),
        pytest.param(WHOLE, [(0, 1800)], [(1800, 3600)], 3600, 1.000, id="C"),
        pytest.param(WHOLE, [(0, 3600)], [(0, 3600)], 3600, 1.000, id="D"),
        pytest.param(WHOLE, [], [(0, 10), (3590, 3600)], 20, 0.006, id="E"),
        pytest.param(WHOLE, [], [(0, 3600)], 3600, 1.000, id="F"),
        pytest.param(WHOLE, [], [], 0, 0.000, id="G"),
        pytest.param(CUT, [(0, 3900)], [], 3600, 1.000, id="H"),
        pytest.param(CUT, [(1100, 1600)], [], 200, 0.056, id="I"),
        pytest.param(WHOLE, [], [(0, 10)], 10, 0.003, id="K"),
    ],
)
def test_learning_record_vector(pieces, live, replay, credited, share):
    def ms(spans):
        return [(a * 1000, b * 1000) for a, b in spans]

    coverage = cover(Programme(pieces), ms(live), ms(replay), 0)
    assert coverage.covered_ms == credited * 1000
    assert round(coverage.covered_ms / coverage.length_ms, 3) == share


def test_learning_record_vector_j_two_tabs_engage_one_wall_time():
    walls = [(0, 600_000), (0, 600_000)]
    coverage = cover(Programme(WHOLE), [], [(0, 600_000), (1_800_000, 2_400_000)], 0)
    engaged = engaged_ms(Programme(WHOLE), [], walls, 0)
    assert (coverage.covered_ms, engaged, min(coverage.covered_ms, engaged)) == (1_200_000, 600_000, 600_000)


@pytest.mark.parametrize(
    ("live", "credited"), [([(0, 3_900_000)], 3_600_000), ([(1_100_000, 1_600_000)], 200_000)]
)
def test_vectors_h_and_i_hold_for_an_excluded_range_too(live, credited):
    programme = Programme((ClockPiece(0, 3_900_000, 0),), (Interval(1_200_000, 1_500_000),))
    coverage = cover(programme, live, [], 30_000)
    assert (coverage.covered_ms, coverage.length_ms) == (credited, 3_600_000)
