"""How fast somebody may do something: a bucket on the monotonic clock. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class RateLimit:
    """At most `burst` at once, then one per `every_s` seconds; time is given by the caller, in seconds."""

    burst: int = 5
    every_s: float = 2.0
    _tokens: float = -1.0
    _at_s: float = 0.0

    def allows(self, now_s: float) -> bool:
        """Take one if there is one."""
        if self._tokens < 0:
            self._tokens = float(self.burst)
        else:
            self._tokens = min(self.burst, self._tokens + (now_s - self._at_s) / self.every_s)
        self._at_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
