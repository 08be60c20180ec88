"""Replay claims are believed by wall time only (learning-records.md §4.2 E, F, G, J, K)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lecture_api.presence.intervals import ClockPiece, total, union
from lecture_api.replays.progress import (
    MapPiece,
    ProgressRule,
    WatchState,
    fresh_wall,
    judge,
    recording_map,
    to_programme,
)

RULE = ProgressRule()
HOUR = 3_600_000


class Player:
    """Feeds claims to `judge` as a client would, on a wall clock that the test moves."""

    def __init__(self, at_ms=0):
        self.state = WatchState(at_ms)
        self.accepted, self.walls, self.refused = [], [], []

    def claim(self, at_ms, *segments):
        verdict = judge(self.state, at_ms, segments, HOUR, RULE)
        self.state = verdict.state
        self.accepted += verdict.accepted
        self.refused += verdict.refused
        if verdict.accepted:
            self.walls.append(verdict.wall)
        return verdict


def play(speed, until_ms, step_ms=10_000):
    player, wall = Player(), 0
    for start in range(0, until_ms, int(step_ms * speed)):
        wall += step_ms
        player.claim(wall, (start, start + int(step_ms * speed)))
    return player


def test_e_a_seek_to_the_end_earns_only_what_was_played():
    player = Player()
    player.claim(10_000, (0, 10_000))
    player.claim(11_000, (10_000, 3_590_000))
    player.claim(21_000, (3_590_000, 3_600_000))
    assert (total(player.accepted), len(player.refused)) == (20_000, 1)


def test_f_a_whole_replay_at_double_speed_covers_all_in_half_the_time():
    player = play(2, HOUR)
    assert (total(player.accepted), total(player.walls)) == (HOUR, HOUR // 2)


def test_g_forged_beats_at_four_times_the_speed_earn_nothing():
    player = play(4, HOUR)
    assert (total(player.accepted), len(player.refused)) == (0, 90)


def test_j_two_tabs_at_once_cover_both_halves_in_one_wall_time():
    left, right = Player(), Player()
    for wall in range(10_000, 600_001, 10_000):
        left.claim(wall, (wall - 10_000, wall))
        right.claim(wall, (1_800_000 + wall - 10_000, 1_800_000 + wall))
    assert total(union(left.accepted, right.accepted)) == 1_200_000
    assert total(union(left.walls, right.walls)) == 600_000


def test_k_a_long_silence_earns_nothing():
    player = Player()
    player.claim(10_000, (0, 10_000))
    player.claim(130_000, (10_000, 130_000))
    assert (total(player.accepted), len(player.refused)) == (10_000, 1)


def test_watching_twice_covers_once():
    player = play(1, 60_000)
    for start in range(0, 60_000, 10_000):
        player.claim(70_000 + start, (start, start + 10_000))
    assert total(player.accepted) == 60_000


def test_a_delayed_report_at_double_speed_is_still_paid():
    player = Player()
    player.claim(13_000, (0, 20_000))
    player.claim(20_000, (20_000, 40_000))
    assert (total(player.accepted), player.refused) == (40_000, [])


def test_slack_is_lent_once_not_earned_by_every_claim():
    player = Player()
    for n in range(100):
        player.claim(100 * (n + 1), (1_500 * n, 1_500 * (n + 1)))
    assert total(player.accepted) <= 2 * 10_000 + RULE.slack_ms


def test_a_players_jitter_is_closed_forward():
    player = Player()
    player.claim(10_000, (0, 9_600))
    player.claim(20_000, (10_000, 19_900))
    assert union(player.accepted) == ((0, 19_900),)


@pytest.mark.parametrize("segment", [(5, 5), (9, 3), (-4, 2), (HOUR, HOUR + 5_000)])
def test_impossible_segments_are_refused(segment):
    assert judge(WatchState(0, 60_000), 10_000, [segment], HOUR, RULE).accepted == ()


claims = st.lists(
    st.tuples(st.integers(0, 60_000), st.integers(0, HOUR), st.integers(-5_000, 90_000)), max_size=30
)


@given(claims)
def test_content_never_exceeds_wall_time_times_speed_plus_slack(steps):
    player, wall, content = Player(), 0, 0
    for elapsed, start, length in steps:
        wall += elapsed
        verdict = player.claim(wall, (start, start + length))
        content += sum(span.length for span in verdict.accepted)
        assert content <= wall * 2 + RULE.slack_ms
        assert 0 <= verdict.wall.length <= elapsed
        assert all(0 <= span.start < span.end <= HOUR for span in verdict.accepted)


def test_parallel_lectures_do_not_both_stand_on_the_same_wall_time():
    verdict = judge(WatchState(0), 10_000, [(0, 10_000)], HOUR, RULE)
    assert fresh_wall(verdict.wall, [(4_000, 20_000)]) == ((0, 4_000),)


def test_the_map_leaves_out_what_the_programme_clock_did_not_run_through():
    # On air at 100, break 200-300, on until 400; the recorder ran 90-410 in two pieces with a gap at 250-260.
    programme = [ClockPiece(100, 200, 0), ClockPiece(300, 400, 100)]
    pieces = recording_map([(90, 250, 0), (260, 410, 160)], programme)
    assert pieces == (MapPiece(0, 100, 10), MapPiece(100, 200, 200))
    assert to_programme([(0, 60), (150, 250)], pieces) == ((0, 50), (100, 150))


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5),
)
def test_map_equals_brute_force(recorded_runs, live_runs):
    recorded, wall, file_ms = [], 0, 0
    for gap, length in recorded_runs:
        recorded.append((wall + gap, wall + gap + length, file_ms))
        wall, file_ms = wall + gap + length, file_ms + length
    programme, wall, clock = [], 0, 0
    for gap, length in live_runs:
        programme.append(ClockPiece(wall + gap, wall + gap + length, clock))
        wall, clock = wall + gap + length, clock + length
    file_of = {w: f + w - a for a, b, f in recorded for w in range(a, b)}
    clock_of = {
        w: p.target_start + w - p.source_start for p in programme for w in range(p.source_start, p.source_end)
    }
    expected = {file_of[w]: clock_of[w] for w in file_of.keys() & clock_of.keys()}
    got = {
        piece.file_start_ms + n: piece.programme_start_ms + n
        for piece in recording_map(recorded, programme)
        for n in range(piece.programme_end_ms - piece.programme_start_ms)
    }
    assert got == expected
