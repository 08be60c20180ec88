"""How the recorder of each gathering on air was when it was last asked: recording, or paused on a full
disk."""

import uuid


class RecorderStates:
    """Which recordings stand still; the keeper writes it, pages read it."""

    def __init__(self) -> None:
        self._paused: set[uuid.UUID] = set()

    def note(self, gathering_id: uuid.UUID, *, paused: bool) -> bool:
        """Remember; True when that is news."""
        news = paused != (gathering_id in self._paused)
        if paused:
            self._paused.add(gathering_id)
        else:
            self._paused.discard(gathering_id)
        return news

    def is_paused(self, gathering_id: uuid.UUID) -> bool:
        """Whether the recording stands still although the gathering is on air."""
        return gathering_id in self._paused
