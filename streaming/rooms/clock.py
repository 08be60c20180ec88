"""Wall time that no clock step moves: the monotonic clock anchored once (joints.md §4). The only clock of
`streaming`."""

import time


class AnchoredClock:
    """UTC as it would have run on from the moment of construction."""

    def __init__(self) -> None:
        self._wall_ns = time.time_ns()
        self._monotonic_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01T00:00Z."""
        return (self._wall_ns + time.monotonic_ns() - self._monotonic_ns) // 1_000_000
