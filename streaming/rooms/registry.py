"""All rooms and sessions of this node, findable by every name they have. Who may come in stands in
`streaming.rooms.admission`."""

import itertools
import re
from collections.abc import Iterator

from streaming.errors import NodeFull, RoomNotFound, SessionNotFound
from streaming.rooms.media_session import MediaSession
from streaming.rooms.publication import Publication
from streaming.rooms.room import Room

ROOM_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
RETRY_WHEN_FULL_S = 10
RETRY_WHEN_BUSY_S = 1


class Registry:
    """Holds and finds; decides nothing but whether there is a place for one more room."""

    def __init__(self, *, max_rooms: int) -> None:
        self.rooms: dict[str, Room] = {}
        self._max_rooms = max_rooms
        self._sessions: dict[int, MediaSession] = {}
        self._publications: dict[int, tuple[Publication, MediaSession]] = {}
        self._engine_ids = itertools.count(1)
        self._publication_ids = itertools.count(1)

    def next_engine_id(self) -> int:
        """Return a session number the engine has not seen."""
        return next(self._engine_ids)

    def next_publication_id(self) -> int:
        """Return a publication number the engine has not seen."""
        return next(self._publication_ids)

    def room(self, name: str) -> Room:
        """Return an existing room. Raises RoomNotFound."""
        if name not in self.rooms:
            raise RoomNotFound("no such room on this node")
        return self.rooms[name]

    def room_or_new(self, name: str) -> Room:
        """Return the room, making it when needed.

        Raises:
            RoomNotFound: the name is not one.
            NodeFull: too many rooms.
        """
        if not ROOM_NAME.fullmatch(name):
            raise RoomNotFound("a room name has 1 to 64 letters, digits, - or _")
        if name not in self.rooms and len(self.rooms) >= self._max_rooms:
            raise NodeFull("too many rooms on this node", RETRY_WHEN_FULL_S)
        return self.rooms.setdefault(name, Room(name))

    def add(self, media_session: MediaSession) -> None:
        """Take a session with its publications into its room."""
        media_session.room.sessions[media_session.session_id] = media_session
        self._sessions[media_session.engine_id] = media_session
        for publication in media_session.publications:
            self._publications[publication.publication_id] = (publication, media_session)

    def remove(self, media_session: MediaSession) -> None:
        """Forget a session; a room that only tokens know goes with its last one."""
        room = media_session.room
        room.sessions.pop(media_session.session_id, None)
        self._sessions.pop(media_session.engine_id, None)
        for publication in media_session.publications:
            self._publications.pop(publication.publication_id, None)
        if not room.sessions and not room.is_kept:
            self.rooms.pop(room.name, None)

    def session(self, room_name: str, session_id: str) -> MediaSession:
        """Return the session of a WHIP or WHEP URL. Raises SessionNotFound."""
        room = self.rooms.get(room_name)
        if room is None or session_id not in room.sessions:
            raise SessionNotFound("no such session: it ended, or the node was restarted")
        return room.sessions[session_id]

    def by_engine_id(self, engine_id: int) -> MediaSession | None:
        """Return the session of an engine event, None when it is gone."""
        return self._sessions.get(engine_id)

    def publication(self, publication_id: int) -> tuple[Publication, MediaSession] | None:
        """Return the publication of an engine event, None when it is gone."""
        return self._publications.get(publication_id)

    def room_by_recording(self, recording_id: str) -> Room | None:
        """Return the room with this recording."""
        return next((room for room in self.rooms.values() if room.recording_id == recording_id), None)

    def sessions(self) -> Iterator[MediaSession]:
        """Yield every session."""
        yield from list(self._sessions.values())

    def __len__(self) -> int:
        return len(self._sessions)
