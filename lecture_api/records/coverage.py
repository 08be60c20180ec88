"""What of a programme a person covered, live and by replay, on the programme clock. Pure.

Live evidence is carried from the wall clock by the gathering's clock pieces (the clock runs in `live` only),
replay arrives already mapped. Every programme millisecond is counted at most once: live, else bridged, else
replay.
Source: learning-records.md §4.2, joints §7, §8.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lecture_api.presence.intervals import (
    ClockPiece,
    Interval,
    clip,
    difference,
    project,
    short_gaps,
    total,
    union,
)


@dataclass(frozen=True, slots=True)
class Programme:
    """The clock of one gathering: wall pieces, and ranges that a cut took out of numerator and
    denominator.
    """

    pieces: tuple[ClockPiece, ...]
    excluded: tuple[Interval, ...] = ()

    @property
    def kept(self) -> tuple[Interval, ...]:
        """The programme ranges that count."""
        run = ((p.target_start, p.target_start + p.source_end - p.source_start) for p in self.pieces)
        return difference(run, self.excluded)

    @property
    def length_ms(self) -> int:
        """The denominator."""
        return total(self.kept)

    @property
    def end_ms(self) -> int:
        """Programme instant of the effective end."""
        kept = self.kept
        return kept[-1].end if kept else 0


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of the bar on the programme clock; `kind` is live, bridged or replay."""

    kind: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Disjoint families on the programme clock, and the denominator; all in ms."""

    length_ms: int
    live: tuple[Interval, ...]
    bridged: tuple[Interval, ...]
    replay: tuple[Interval, ...]

    @property
    def present_ms(self) -> int:
        """Live presence with bridged silences: what attendance is judged by."""
        return total(self.live) + total(self.bridged)

    @property
    def covered_ms(self) -> int:
        """Live ∪ bridged ∪ replay."""
        return self.present_ms + total(self.replay)

    @property
    def present(self) -> tuple[Interval, ...]:
        """Live ∪ bridged, merged."""
        return union(self.live, self.bridged)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The bar: ascending, disjoint."""
        families = (("live", self.live), ("bridged", self.bridged), ("replay", self.replay))
        spans = [Span(kind, start, end) for kind, family in families for start, end in family]
        return tuple(sorted(spans, key=lambda span: span.start_ms))

    def share_hundredths(self, covered_ms: int) -> int:
        """Share in hundredths of a percent, rounded down: 8000 is 80 %. An empty programme has share 0."""
        return covered_ms * 10_000 // self.length_ms if self.length_ms else 0


def cover(
    programme: Programme,
    presence: Sequence[tuple[int, int]],
    replay: Sequence[tuple[int, int]],
    bridge_ms: int,
) -> Coverage:
    """Combine wall-clock presence and programme-clock replay into one coverage.

    Silence is measured on the programme clock, so nobody pays for a break or for our own outage.
    """
    kept = programme.kept
    window = (0, programme.end_ms)
    on_programme = clip(project(presence, programme.pieces), window)
    gaps = short_gaps(on_programme, bridge_ms)
    outside = difference((window,), kept)
    live = difference(on_programme, outside)
    bridged = difference(gaps, outside)
    replayed = difference(difference(clip(replay, window), outside), union(live, bridged))
    return Coverage(programme.length_ms, live, bridged, replayed)


def engaged_ms(
    programme: Programme,
    presence: Sequence[tuple[int, int]],
    replay_wall: Sequence[tuple[int, int]],
    bridged_ms: int,
) -> int:
    """Wall time spent with the gathering: union over live and all replays, so parallel tabs count once."""
    running = [
        span for piece in programme.pieces for span in clip(presence, (piece.source_start, piece.source_end))
    ]
    return total(union(running, replay_wall)) + bridged_ms
