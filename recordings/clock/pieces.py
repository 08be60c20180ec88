"""File time: int ticks of 90 kHz from the recording's begin, contiguous over pieces.

One piece maps a stretch of engine time onto it.
"""

from dataclasses import dataclass

TICKS_PER_S = 90_000
SAMPLES_PER_S = 48_000
FRAME_SAMPLES = (
    1024  # One AAC frame. Pieces begin and end on this grid, so both tracks share an exact origin.
)
FRAME_TICKS = 1920  # 1024 / 48000 s in 90 kHz ticks: exact.


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch without gap.

    Attributes:
        number: from 0.
        start_ns: engine clock of its first media. wall_start_ns: UTC of the same instant.
        start_ticks: file time of the same instant, a multiple of FRAME_TICKS.
    """

    number: int
    start_ns: int
    wall_start_ns: int
    start_ticks: int

    def ticks(self, engine_ns: int) -> int:
        """File time of an engine time, never before the piece's start."""
        return self.start_ticks + max(0, (engine_ns - self.start_ns) * 9 // 100_000)

    def samples(self, engine_ns: int) -> int:
        """File time in 48 kHz samples; may lie before the piece's start."""
        return self.start_samples + (engine_ns - self.start_ns) * 6 // 125_000

    @property
    def start_samples(self) -> int:
        """Its start in 48 kHz samples."""
        return self.start_ticks // FRAME_TICKS * FRAME_SAMPLES

    def wall_ns(self, ticks: int) -> int:
        """UTC ns at a file time of this piece."""
        return self.wall_start_ns + (ticks - self.start_ticks) * 100_000 // 9


def to_ms(ticks: int) -> int:
    """File ticks to whole milliseconds, rounded."""
    return (ticks + 45) // 90
