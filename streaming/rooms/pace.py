"""How often something may be asked for: token buckets, with the time given from outside."""

from collections import OrderedDict


class Pace:
    """Allows `burst` requests at once and `per_second` in the long run."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at_s: float | None = None

    def wait_s(self, now_s: float) -> float:
        """Take one request's worth and return 0, or return the seconds until there is one.

        `now_s` is seconds of any clock that never goes back.
        """
        if self._at_s is not None:
            self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_second)
        self._at_s = now_s
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0.0


class PaceTable:
    """One `Pace` for each of those who asked last; who was quiet for longest is forgotten first."""

    def __init__(self, burst: int, per_second: float, *, size: int) -> None:
        self._burst = burst
        self._per_second = per_second
        self._size = size
        self._paces: OrderedDict[str, Pace] = OrderedDict()

    def wait_s(self, who: str, now_s: float) -> float:
        """See `Pace.wait_s`."""
        pace = self._paces.setdefault(who, Pace(self._burst, self._per_second))
        self._paces.move_to_end(who)
        if len(self._paces) > self._size:
            self._paces.popitem(last=False)
        return pace.wait_s(now_s)

    def __len__(self) -> int:
        return len(self._paces)
