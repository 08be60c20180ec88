"""Which simulcast layers somebody watches, as each publisher was last told; outlives the room's connections.

The media node says it at each change (`layers_wanted`); a page that comes back is told again.
"""

import uuid
from collections import defaultdict

from lecture_api.gatherings.events import NodeEvent
from lecture_api.room_channel.connection import frame_of


class WantedLayers:
    """Frames by gathering, participant and media session, of the media node's present epoch."""

    def __init__(self) -> None:
        self._frames: dict[uuid.UUID, dict[str, tuple[str, str]]] = defaultdict(dict)
        self._node_epoch = ""

    def take(self, event: NodeEvent) -> str | None:
        """Note an event of the node; returns the frame its participant is to get, None for other events."""
        if event.gathering_id is None or event.session_id is None or event.participant is None:
            return None
        if event.node_epoch != self._node_epoch:
            self._node_epoch = event.node_epoch
            self._frames.clear()
        if event.type == "publisher_gone":
            self._frames[event.gathering_id].pop(event.session_id, None)
        if event.type != "layers_wanted":
            return None
        frame = frame_of(
            "layers",
            session_id=event.session_id,
            source=event.data.get("source"),
            publication=event.data.get("publication_id"),
            wanted=event.data.get("wanted", []),
        )
        self._frames[event.gathering_id][event.session_id] = (event.participant, frame)
        return frame

    def told(self, gathering_id: uuid.UUID, participant: str) -> list[str]:
        """What a participant who comes back has to know."""
        kept = self._frames.get(gathering_id, {})
        return [frame for whose, frame in kept.values() if whose == participant]
