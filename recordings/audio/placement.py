"""Where decoded sound lies on the file clock, and the small stretch that keeps it there.

PCM is s16 mono at 48 kHz.
"""

_JUMP_SAMPLES = 1440  # 30 ms: beyond it a jump is less bad than being out of step with the picture.
_DEAD_ZONE_SAMPLES = 24  # 0.5 ms.
_LOSS_LIMIT_SAMPLES = 48_000
_SMOOTHING = 8


class AudioPlacer:
    """Turns a source's packets into contiguous positions.

    Within a source sound is contiguous by its RTP timestamps: a missing packet is silence of exactly its
    length. Against the clock line a
    slow error builds up (a sound card 100 ppm off is 0.7 s in 2 h): it is taken out by inserting or dropping
    single samples, at most 1 %.
    """

    def __init__(self) -> None:
        self._next: int | None = None
        self._expected = 0
        self._error = 0.0
        self.jumps = 0
        self.corrected_samples = 0

    def place(self, timestamp: int, pcm: bytes, target: int) -> tuple[int, bytes]:
        """Return (position, pcm) for a packet.

        Args: timestamp: extended RTP timestamp, 48 kHz. target: position by the clock, in samples of file
            time.
        """
        count = len(pcm) // 2
        missing = timestamp - self._expected
        if self._next is None or not 0 <= missing <= _LOSS_LIMIT_SAMPLES:
            self._next, self._error = target, 0.0
        else:
            self._next += missing
            self._error += (target - self._next - self._error) / _SMOOTHING
        self._expected = timestamp + count
        if abs(self._error) > _JUMP_SAMPLES:
            self._next, self._error = target, 0.0
            self.jumps += 1
        elif abs(self._error) >= _DEAD_ZONE_SAMPLES:
            change = min(max(1, int(abs(self._error)) // 96), max(1, count // 100))
            pcm = insert_samples(pcm, change) if self._error > 0 else drop_samples(pcm, change)
            change = change if self._error > 0 else -change
            self._error -= change
            self.corrected_samples += abs(change)
        position = self._next
        self._next += len(pcm) // 2
        return position, pcm


def insert_samples(pcm: bytes, count: int) -> bytes:
    """Repeat `count` samples, spread evenly."""
    chunk = len(pcm) // 2 // (count + 1) * 2
    parts: list[bytes] = []
    for index in range(1, count + 1):
        parts += (pcm[(index - 1) * chunk : index * chunk], pcm[index * chunk - 2 : index * chunk])
    return b"".join([*parts, pcm[count * chunk :]])


def drop_samples(pcm: bytes, count: int) -> bytes:
    """Leave `count` samples out, spread evenly."""
    chunk = len(pcm) // 2 // (count + 1) * 2
    parts = [pcm[(index - 1) * chunk : index * chunk - 2] for index in range(1, count + 1)]
    return b"".join([*parts, pcm[count * chunk :]])
