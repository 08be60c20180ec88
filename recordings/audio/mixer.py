"""A position-addressed buffer for each audio slot, and their sum.

PCM is s16 mono at 48 kHz in native byte order.
"""

from array import array
from collections.abc import Iterable
from operator import add

_FARTHEST_AHEAD = 10 * 48_000


class PcmTimeline:
    """Sound of one slot from a position on; what was read is gone, what was not written is silence."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._pcm = bytearray()
        self.late_samples = 0

    @property
    def end(self) -> int:
        """Position after the last written sample."""
        return self._start + len(self._pcm) // 2

    def write(self, position: int, pcm: bytes) -> None:
        """Write sound at a position.

        The part before what was read or written already is dropped and counted.
        """
        if position - self._start > _FARTHEST_AHEAD:
            self.late_samples += len(pcm) // 2
            return
        overlap = self.end - position
        if overlap > 0:
            self.late_samples += min(overlap, len(pcm) // 2)
            pcm = pcm[2 * overlap :]
        elif pcm:
            self._pcm += bytes(-2 * overlap)
        self._pcm += pcm

    def read(self, count: int) -> bytes | None:
        """Take the next `count` samples; None when there is no sound in them."""
        taken = bytes(self._pcm[: 2 * count])
        del self._pcm[: 2 * count]
        self._start += count
        if not taken:
            return None
        return taken + bytes(2 * count - len(taken))


def mix(blocks: Iterable[bytes | None], count: int) -> bytes:
    """Return the clipped sum of equally long blocks; silence of `count` samples when there is none."""
    present = [block for block in blocks if block is not None]
    if len(present) < 2:
        return present[0] if present else bytes(2 * count)
    total: Iterable[int] = array("h", present[0])
    for block in present[1:]:
        total = map(add, total, array("h", block))
    summed = list(total)
    if max(summed) > 32_767 or min(summed) < -32_768:
        summed = [max(-32_768, min(32_767, sample)) for sample in summed]
    return array("h", summed).tobytes()
