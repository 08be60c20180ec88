"""Who may come in: the node's, a room's and a participant's limits, and what gives way when one is reached.
Keeps nothing.

Sessions that have not proved to be there give way to those who ask: half-open ones that no check ever
reached, a participant's own that are silent. So neither a flood of offers nor a page that is reloaded again
and again locks anybody out.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from streaming.errors import NodeFull, RoomFull, TooManySessions
from streaming.rooms.clock import AnchoredClock
from streaming.rooms.entry import TRIALS_PER_NODE, TRIALS_PER_ROOM, Entry
from streaming.rooms.life_cycle import LifeCycle
from streaming.rooms.media_session import MediaSession, Role
from streaming.rooms.registry import RETRY_WHEN_BUSY_S, RETRY_WHEN_FULL_S, Registry
from streaming.rooms.session_states import SessionState, Signal
from streaming.settings import StreamingSettings

# A client that means it sends its first check within a round trip of the answer.
HALF_OPEN_MS = 2000


@dataclass(frozen=True, slots=True)
class Limits:
    """How many there may be of each, see `StreamingSettings`."""

    sessions: int
    handshakes: int
    sessions_per_room: int
    publications_per_room: int
    sessions_per_participant: int

    @classmethod
    def of(cls, settings: StreamingSettings) -> "Limits":
        """Return the limits of the settings."""
        return cls(
            sessions=settings.media_max_sessions,
            handshakes=settings.media_max_handshakes,
            sessions_per_room=settings.media_max_sessions_per_room,
            publications_per_room=settings.media_max_publications_per_room,
            sessions_per_participant=settings.media_max_sessions_per_participant,
        )


class Admission:
    """Decides whether one more session may begin to connect."""

    def __init__(
        self, limits: Limits, registry: Registry, life_cycle: LifeCycle, clock: AnchoredClock
    ) -> None:
        self._limits = limits
        self._registry = registry
        self._life_cycle = life_cycle
        self._clock = clock

    def require_place(self, room_name: str, entry: Entry, role: Role) -> None:
        """Check every limit, the caller's own first.

        Raises:
            TooManySessions: the participant has as many as one person needs, all of them in use.
            RoomFull: the room has as many sessions, or publications, as it may.
            NodeFull: the node has, or too many are connecting at once, or there are too many trials.
        """
        if not entry.is_trial:
            self._require_participant(entry)
        room = self._registry.rooms.get(room_name)
        if room and len(room.sessions) >= self._limits.sessions_per_room:
            raise RoomFull("too many sessions in this room", RETRY_WHEN_FULL_S)
        published = sum(1 for _ in room.publications()) if room and role == "publisher" else 0
        if published >= self._limits.publications_per_room:
            raise RoomFull("too much is published in this room", RETRY_WHEN_FULL_S)
        if len(self._registry) >= self._limits.sessions:
            raise NodeFull("too many sessions on this node", RETRY_WHEN_FULL_S)
        self._require_handshake()
        if entry.is_trial:
            trials = [other.room.name for other in self._registry.sessions() if other.entry.is_trial]
            if len(trials) >= TRIALS_PER_NODE or trials.count(room_name) >= TRIALS_PER_ROOM:
                raise NodeFull("too many trials just now", RETRY_WHEN_FULL_S)

    def _require_participant(self, entry: Entry) -> None:
        own = [other for other in self._registry.sessions() if other.participant == entry.participant]
        if len(own) < self._limits.sessions_per_participant:
            return
        unused = [other for other in own if other.state is not SessionState.CONNECTED]
        if not self._give_way(unused):
            raise TooManySessions("this participant has too many sessions at once", RETRY_WHEN_FULL_S)

    def _require_handshake(self) -> None:
        connecting = [other for other in self._registry.sessions() if other.state is SessionState.NEW]
        if len(connecting) < self._limits.handshakes:
            return
        latest = self._clock.now_ms() - HALF_OPEN_MS
        silent = [other for other in connecting if not other.is_reached and other.since_ms <= latest]
        if not self._give_way(silent):
            raise NodeFull("too many sessions are connecting just now", RETRY_WHEN_BUSY_S)

    def _give_way(self, sessions: Iterable[MediaSession]) -> bool:
        """End the one that has been as it is for longest; False when there is none."""
        oldest = min(sessions, key=lambda media_session: media_session.since_ms, default=None)
        if oldest is None:
            return False
        self._life_cycle.signal(oldest, Signal.REPLACED)
        return True
