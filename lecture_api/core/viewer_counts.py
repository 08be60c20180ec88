"""How many are watching each gathering now, as the room channel of this process counts them. Nobody's
name, no history."""

import uuid


class ViewerCounts:
    """A number per gathering; the room channel writes it, cards and the studio read it."""

    def __init__(self) -> None:
        self._counts: dict[uuid.UUID, int] = {}
        self._peaks: dict[uuid.UUID, int] = {}

    def set(self, gathering_id: uuid.UUID, count: int) -> None:
        """`count` are connected now; 0 forgets the gathering but not its peak."""
        if count:
            self._counts[gathering_id] = count
            self._peaks[gathering_id] = max(count, self._peaks.get(gathering_id, 0))
        else:
            self._counts.pop(gathering_id, None)

    def now(self, gathering_id: uuid.UUID) -> int:
        """How many are connected."""
        return self._counts.get(gathering_id, 0)

    def peak(self, gathering_id: uuid.UUID) -> int:
        """The most that were connected at once since this process started."""
        return self._peaks.get(gathering_id, 0)
