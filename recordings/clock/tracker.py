"""Follows the offset between a foreign clock and the engine's, against jitter and drift."""

from collections import deque

_BUCKET_NS = 1_000_000_000
_BUCKETS = 16
_SETTLE_NS = 2_000_000_000
_STEP_NS = 250_000_000
_JUMP_NS = 3_000_000_000  # No network holds a packet that long: the foreign clock was set anew.
_SLEW_PER_S = 0.002


class OffsetTracker:
    """engine = foreign + offset, with the offset on the lower envelope of arrivals.

    Network delay only adds, so the least (arrival - foreign) of the last 16 s is nearest to the truth; at
    200 ppm the window costs 3 ms, the same for all sources that share the clock. The offset slews by at most
    2 ms/s, so no picture jumps and the audio servo keeps up; it steps when the foreign clock stepped
    (> 250 ms away), and follows freely downwards in its first 2 s.
    """

    def __init__(self, offset_ns: int | None = None) -> None:
        self.offset_ns = offset_ns
        self._buckets: deque[tuple[int, int]] = deque(maxlen=_BUCKETS)
        self._first_ns: int | None = None
        self._last_ns = 0

    def observe(self, foreign_ns: int, arrival_ns: int) -> None:
        """Take one observation: foreign time and engine time of its arrival, both in ns."""
        seen = arrival_ns - foreign_ns
        bucket = arrival_ns // _BUCKET_NS
        if self.offset_ns is None or abs(seen - self.offset_ns) > _JUMP_NS:
            self.offset_ns, self._first_ns = seen, None
            self._buckets.clear()
        if self._first_ns is None:
            self._first_ns = self._last_ns = arrival_ns
        if self._buckets and self._buckets[-1][0] >= bucket:
            if seen >= self._buckets[-1][1]:
                return
            self._buckets[-1] = (bucket, seen)
        else:
            self._buckets.append((bucket, seen))
        while self._buckets[0][0] <= bucket - _BUCKETS:
            self._buckets.popleft()
        self._approach(min(low for _, low in self._buckets), arrival_ns)

    def _approach(self, target: int, now_ns: int) -> None:
        assert self.offset_ns is not None
        assert self._first_ns is not None
        distance = target - self.offset_ns
        elapsed, self._last_ns = max(0, now_ns - self._last_ns), max(now_ns, self._last_ns)
        settling = now_ns - self._first_ns < _SETTLE_NS and distance < 0
        if settling:
            self.offset_ns = target
        elif abs(distance) > _STEP_NS:
            latest = self._buckets[-1]
            self._buckets.clear()
            self._buckets.append(latest)
            self.offset_ns = latest[1]
        else:
            limit = int(elapsed * _SLEW_PER_S)
            self.offset_ns += max(-limit, min(limit, distance))
