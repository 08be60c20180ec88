"""What happens when a session connects, falls silent or ends: engine commands, slots, events for the API.

The table of states is `session_states`; who is shown where is `direction`; opening is `opening`.
"""

import asyncio
import contextlib
import logging
from typing import Any

from streaming.errors import DtlsFailed
from streaming.relay.engine import RelayEngine
from streaming.rooms.clock import AnchoredClock
from streaming.rooms.direction import Candidate, assign_slots
from streaming.rooms.entry import TRIAL_SECONDS
from streaming.rooms.event_log import EventLog
from streaming.rooms.media_session import MediaSession
from streaming.rooms.registry import Registry
from streaming.rooms.room import Room
from streaming.rooms.session_states import CAUSES, SessionState, Signal, next_state

logger = logging.getLogger(__name__)


class LifeCycle:
    """Moves sessions through their states. Everything runs in the event loop."""

    def __init__(
        self, engine: RelayEngine, registry: Registry, events: EventLog, clock: AnchoredClock
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._events = events
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, media_session: MediaSession, handshake_s: float) -> None:
        """Begin the handshake of a session that the engine already answers checks for."""
        media_session.runner = asyncio.create_task(self._run(media_session, handshake_s))
        self._keep(media_session.runner)
        if media_session.entry.is_trial:
            loop = asyncio.get_running_loop()
            loop.call_later(TRIAL_SECONDS, self.signal, media_session, Signal.DELETED)

    def signal(self, media_session: MediaSession, signal: Signal) -> None:
        """Let something happen to a session; signals that come late or twice change nothing."""
        state = next_state(media_session.state, signal)
        if state is None:
            return
        before, media_session.state = media_session.state, state
        media_session.since_ms = self._clock.now_ms()
        if state is SessionState.CLOSED:
            self._on_closed(media_session, CAUSES[signal])
        elif before is SessionState.NEW:
            self._on_connected(media_session)
        else:
            self.direct(media_session.room)

    def report(self, event_type: str, media_session: MediaSession, /, **data: Any) -> None:
        """Write an event about a session; publishers' events name their source. Nobody hears of a trial."""
        if media_session.entry.is_trial:
            return
        if media_session.source:
            data = {"source": media_session.source, **data}
        self._events.append(
            event_type,
            room=media_session.room.name,
            participant=media_session.participant,
            session_id=media_session.session_id,
            data=data,
        )

    def direct(self, room: Room) -> None:
        """Tell the engine which slots of the room show something else than before."""
        candidates = [
            Candidate(
                publication.publication_id,
                publication.participant,
                publication.kind,
                publication.source,
                is_silent=media_session.state is SessionState.SILENT,
            )
            for media_session in room.publishers()
            if media_session.state in (SessionState.CONNECTED, SessionState.SILENT)
            for publication in media_session.publications
        ]
        wanted = assign_slots(candidates)
        for slot in sorted(room.slots.keys() | wanted.keys()):
            if room.slots.get(slot) != wanted.get(slot):
                self._engine.set_slot(room.name, slot, wanted.get(slot))
        room.slots = wanted

    def close_room(self, room: Room) -> None:
        """End every session of the room and forget it."""
        room.is_kept = False
        for media_session in list(room.sessions.values()):
            self.signal(media_session, Signal.ROOM_CLOSED)
        self._registry.rooms.pop(room.name, None)
        if room.recording_id:
            self._engine.set_recording(room.name, None)

    async def close_all(self) -> None:
        """End every session, for a clean stop: browsers learn at once that the node went."""
        for media_session in self._registry.sessions():
            self.signal(media_session, Signal.ROOM_CLOSED)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, media_session: MediaSession, handshake_s: float) -> None:
        try:
            keys = await media_session.association.handshake(handshake_s)
        except DtlsFailed as error:
            logger.info("session %s of room %s: %s", media_session.session_id, media_session.room.name, error)
            self.signal(media_session, Signal.HANDSHAKE_FAILED)
            return
        except Exception:
            # A defect here or in the library: it is logged, but the session must not keep its place for ever.
            self.signal(media_session, Signal.HANDSHAKE_FAILED)
            raise
        if media_session.state is not SessionState.NEW:
            return
        # Before anyone hears of it: the engine drops media without keys and asks for a key frame with them.
        self._engine.set_keys(media_session.engine_id, keys.profile, keys.local, keys.remote)
        self.signal(media_session, Signal.KEYS_SET)
        await media_session.association.wait_closed()
        self.signal(media_session, Signal.DTLS_CLOSED)

    def _on_connected(self, media_session: MediaSession) -> None:
        media_session.was_connected = True
        if media_session.role == "viewer":
            self.report("viewer_connected", media_session)
            return
        # A reconnect takes over only now, so that a failed attempt costs nothing.
        for other in media_session.room.publishers():
            if media_session.takes_over(other):
                self.signal(other, Signal.REPLACED)
        self.report("publisher_connected", media_session)
        self.direct(media_session.room)

    def _on_closed(self, media_session: MediaSession, cause: str) -> None:
        room = media_session.room
        self._registry.remove(media_session)
        if media_session.was_connected:
            self.report(f"{media_session.role}_gone", media_session, cause=cause)
        # A dead engine refuses everything; the session ends all the same.
        with contextlib.suppress(RuntimeError):
            self.direct(room)
            for publication in media_session.publications:
                self._engine.unpublish(publication.publication_id)
        self._keep(asyncio.create_task(self._say_goodbye(media_session)))

    async def _say_goodbye(self, media_session: MediaSession) -> None:
        try:
            with contextlib.suppress(RuntimeError):
                await media_session.association.close()
        finally:
            with contextlib.suppress(RuntimeError):
                self._engine.close_session(media_session.engine_id)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a session ended with an error", exc_info=error)
