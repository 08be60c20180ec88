"""Evidence as lines a person can read: each with wall and programme time, live and replay. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lecture_api.presence.evidence import CloseCause
from lecture_api.presence.intervals import ClockPiece
from lecture_api.presence.service import Presence
from lecture_api.replays.claims import ReplayRange

JOIN_MS = 30_000
"""Claims of one sitting come every ten seconds; they are told as one line."""

_DETAIL = {
    CloseCause.LEFT: "left",
    CloseCause.SILENT: "timeout",
    CloseCause.RESTART: "timeout",
    CloseCause.ENDED: "ended",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`[from_ms, to_ms)` on the wall is `[programme_start_ms, programme_end_ms)` of the programme."""

    kind: str
    from_ms: int
    to_ms: int
    programme_start_ms: int
    programme_end_ms: int
    detail: str | None


def live_lines(presence: Presence | None, pieces: Sequence[ClockPiece]) -> list[Line]:
    """Tell presence interval by interval, cut where the programme clock stood still."""
    lines = []
    for interval in presence.lines if presence else ():
        for piece in pieces:
            start, end = max(interval.start_ms, piece.source_start), min(interval.end_ms, piece.source_end)
            if start >= end:
                continue
            at = piece.target_start + start - piece.source_start
            # A cause explains an end only where the interval itself ended.
            cause = interval.cause if end == interval.end_ms else None
            detail = _DETAIL[CloseCause(cause)] if cause else None
            lines.append(Line("live", start, end, at, at + end - start, detail))
    return sorted(lines, key=lambda line: (line.programme_start_ms, line.from_ms))


def replay_lines(ranges: Iterable[ReplayRange]) -> list[Line]:
    """Tell accepted replay sitting by sitting."""
    lines: list[Line] = []
    for item in ranges:
        began = item.wall[0].start if item.wall else item.accepted_ms
        for start, end in item.programme:
            last = lines[-1] if lines else None
            goes_on = (
                last is not None
                and last.programme_end_ms <= start <= last.programme_end_ms + 1_000
                and began <= last.to_ms + JOIN_MS
            )
            if last is not None and goes_on:
                lines[-1] = Line("replay", last.from_ms, item.accepted_ms, last.programme_start_ms, end, None)
            else:
                lines.append(Line("replay", began, item.accepted_ms, start, end, None))
    return lines
