"""Which replay minutes to believe: content is accepted by the wall time that passed on the server's clock.

Pure. A client claims segments of file time; a claim is granted only out of a budget that grows with real time
(`max_speed` × elapsed, at most `max_gap` of it kept, plus `slack` for jitter). A seek, a faster player, a
forged claim or a long silence find no budget and earn nothing; a refused claim also uses up the time it was
made in.
Source: learning-records.md §4.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lecture_api.presence.intervals import ClockPiece, Interval, clip, difference, project

JOIN_HOLE_MS = 1_000
"""Holes up to this long between two accepted segments are a player's jitter: closed forward, paid from the
budget.
"""


@dataclass(frozen=True, slots=True)
class ProgressRule:
    """What a claim may earn: speed as a factor in hundredths (200 = 2.0), times in ms."""

    max_speed_hundredths: int = 200
    max_gap_ms: int = 30_000
    slack_ms: int = 1_500

    def earned(self, elapsed_ms: int) -> int:
        """Content ms that `elapsed_ms` of wall time can pay for, before slack."""
        return min(max(elapsed_ms, 0), self.max_gap_ms) * self.max_speed_hundredths // 100


@dataclass(frozen=True, slots=True)
class WatchState:
    """One player's standing: wall instant of its last claim, unspent content ms, where its last segment
    ended.
    """

    at_ms: int
    budget_ms: int = 0
    last_end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one claim earned: accepted file ranges, the wall time they stand for, refused ranges, the new
    state.
    """

    accepted: tuple[Interval, ...]
    wall: Interval
    refused: tuple[Interval, ...]
    state: WatchState


def judge(
    state: WatchState, at_ms: int, claimed: Sequence[tuple[int, int]], duration_ms: int, rule: ProgressRule
) -> Verdict:
    """Judge the segments a player claims at wall instant `at_ms`, in the order it played them.

    Args: claimed: `[file_start_ms, file_end_ms)` each; `duration_ms`: length of the file as far as it exists.
    Returns: segments are taken whole or refused; the first one that exceeds the budget empties it.
    """
    elapsed = max(0, at_ms - state.at_ms)
    # Slack is an overdraft, not an income: a budget below zero is paid back before the next segment counts.
    budget = min(state.budget_ms + rule.earned(elapsed), rule.earned(rule.max_gap_ms))
    accepted: list[Interval] = []
    refused: list[Interval] = []
    last_end = state.last_end_ms
    for start, end in claimed:
        joined = start
        if last_end is not None and 0 < start - last_end <= JOIN_HOLE_MS:
            joined = last_end
        content = end - joined
        if start < 0 or end <= start or end > duration_ms + JOIN_HOLE_MS or content > budget + rule.slack_ms:
            refused.append(Interval(start, end))
            budget = min(budget, 0)
            continue
        budget -= content
        last_end = end
        accepted.append(Interval(joined, min(end, duration_ms)))
    used = sum(span.length for span in accepted)
    # Wall time behind the claim: what passed, but no more than the content would take at normal speed.
    wall = Interval(at_ms - min(elapsed, used), at_ms)
    kept = WatchState(at_ms, budget, last_end)
    return Verdict(tuple(span for span in accepted if span.length), wall, tuple(refused), kept)


def fresh_wall(wall: Interval, claimed_elsewhere: Sequence[tuple[int, int]]) -> tuple[Interval, ...]:
    """Return the wall time that no other replay of the same person already stands for (parallel lectures)."""
    return difference((wall,), claimed_elsewhere)


@dataclass(frozen=True, slots=True)
class MapPiece:
    """One piece of a recording map: `[programme_start_ms, programme_end_ms)` lies in the file from
    `file_start_ms`.
    """

    programme_start_ms: int
    programme_end_ms: int
    file_start_ms: int


def recording_map(
    recorded: Sequence[tuple[int, int, int]], programme: Sequence[ClockPiece]
) -> tuple[MapPiece, ...]:
    """Compose the recorder's pieces with the programme clock (joints §7).

    Args: recorded: (wall_start_ms, wall_end_ms, file_start_ms) of the recording; programme: wall → programme
    clock.
    Returns: ascending on the file clock; file time in which the programme clock stood still has no piece.
    """
    pieces: list[MapPiece] = []
    for wall_start, wall_end, file_start in recorded:
        for live in programme:
            for start, end in clip(((wall_start, wall_end),), (live.source_start, live.source_end)):
                at = live.target_start + start - live.source_start
                pieces.append(MapPiece(at, at + end - start, file_start + start - wall_start))
    pieces.sort(key=lambda piece: piece.file_start_ms)
    return tuple(pieces)


def to_programme(file_spans: Sequence[tuple[int, int]], pieces: Sequence[MapPiece]) -> tuple[Interval, ...]:
    """Carry file ranges onto the programme clock by one version of the map."""
    return project(
        file_spans,
        [
            ClockPiece(
                piece.file_start_ms,
                piece.file_start_ms + piece.programme_end_ms - piece.programme_start_ms,
                piece.programme_start_ms,
            )
            for piece in pieces
        ],
    )
