"""All rooms of this process and the one ticker that drives them: pings, dead links, counts, chips, logins.

500 connections cost 500 idle tasks and one timer.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from lecture_api.accounts.events import LoginsEnded
from lecture_api.core.clock import epoch_ms
from lecture_api.core.errors import LectureApiError, NotSignedInError
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.events import NodeEvent
from lecture_api.presence.tracker import PresenceTracker
from lecture_api.room_channel.connection import DEAD_AFTER_S, PING_EVERY_S, ChannelConnection, frame_of
from lecture_api.room_channel.errors import CloseCode
from lecture_api.room_channel.layers import WantedLayers
from lecture_api.room_channel.room import Room

TICK_S: Final = 0.25
LOGIN_EVERY_S: Final = 30.0

_log = structlog.get_logger(__name__)


class RoomHub:
    """Lives as long as the process; `run` is its only timer."""

    def __init__(self, runtime: Runtime, tracker: PresenceTracker) -> None:
        self._runtime = runtime
        self._tracker = tracker
        self._rooms: dict[uuid.UUID, Room] = {}
        self._deliveries: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._logins: asyncio.Task[None] | None = None
        self._layers = WantedLayers()

    @asynccontextmanager
    async def room(self, gathering_id: uuid.UUID) -> AsyncIterator[Room]:
        """Hold the room of a gathering open for the time of the block."""
        room = self._rooms.get(gathering_id)
        if room is None:
            room = self._rooms[gathering_id] = Room(self._runtime, self._tracker, gathering_id, self._layers)
            self._deliveries[gathering_id] = asyncio.create_task(room.run(), name=f"room-{gathering_id}")
        room.holders += 1
        try:
            yield room
        finally:
            room.holders -= 1
            if room.holders == 0:
                del self._rooms[gathering_id]
                self._deliveries.pop(gathering_id).cancel()
                room.close()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self.tick()
            except Exception:
                _log.exception("room_tick_failed")

    def tick(self) -> None:
        """One round: cheap, never waits."""
        now_s = self._runtime.clock.monotonic()
        now_ms = epoch_ms(self._runtime.clock.now())
        stale: list[ChannelConnection] = []
        for room in list(self._rooms.values()):
            for connection in list(room.connections):
                if now_s - connection.heard_s > DEAD_AFTER_S:
                    connection.end(CloseCode.DEAD)
                elif now_s >= connection.next_ping_s:
                    connection.next_ping_s = now_s + PING_EVERY_S
                    connection.ping_number += 1
                    connection.post(frame_of("ping", n=connection.ping_number, server_ms=now_ms))
                if now_s - connection.checked_s > LOGIN_EVERY_S:
                    connection.checked_s = now_s
                    stale.append(connection)
            room.tick(now_s)
        if stale and (self._logins is None or self._logins.done()):
            self._logins = asyncio.create_task(self._check_logins(stale), name="room-logins")

    async def close(self) -> None:
        """Tell everybody that the server restarts."""
        if self._logins is not None:
            self._logins.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._logins
        for room in self._rooms.values():
            for connection in room.connections:
                connection.end(CloseCode.SERVER_RESTART)

    async def on_logins_ended(self, event: LoginsEnded) -> None:
        """Let go at once of whoever signed out, not only when the ticker looks again."""
        connections = [
            connection
            for room in self._rooms.values()
            for connection in room.connections
            if connection.actor.person_id == event.person_id
        ]
        await self._check_logins(connections)

    async def on_node_event(self, event: NodeEvent) -> None:
        """Tell a room who speaks now, and a publisher which layers are watched; neither is an event of the
        gathering, and neither is stored."""
        layers = self._layers.take(event)
        room = self._rooms.get(event.gathering_id) if event.gathering_id else None
        if room is not None and event.type == "speakers":
            room.tell_speakers([entry["participant"] for entry in event.data.get("speaking", [])])
        if room is not None and layers is not None and event.participant is not None:
            room.tell_one(event.participant, layers)

    async def _check_logins(self, connections: list[ChannelConnection]) -> None:
        """Keep the logins of a running lecture alive; whoever signed out meanwhile is let go."""
        for connection in connections:
            try:
                if self._runtime.extend_login is not None:
                    await self._runtime.extend_login(connection.actor.login_session_id)
                await self._runtime.identify(connection.websocket)
            except NotSignedInError:
                connection.end(CloseCode.SIGNED_OUT)
            except (LectureApiError, OSError) as error:
                _log.warning("login_not_checked", error=str(error))
