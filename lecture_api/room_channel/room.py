"""One gathering's room in this process: its connections, the events they got, what they are told each
tick.

All that changes `connections` or `sent_seq` happens under `_gate`, so joining and delivering never miss
or double.
"""

import asyncio
import uuid
from typing import Final

import structlog

from lecture_api.core.clock import epoch_ms
from lecture_api.core.events import RoomEvent, room_topic
from lecture_api.core.runtime import Runtime
from lecture_api.presence.evidence import CloseCause
from lecture_api.presence.tracker import PresenceTracker
from lecture_api.room_channel.chat import ChatRoom
from lecture_api.room_channel.connection import PING_EVERY_S, ChannelConnection, frame_of
from lecture_api.room_channel.layers import WantedLayers
from lecture_api.room_channel.snapshot import RoomPresence, RoomState, read_presence, read_state

HISTORY: Final = 200
MISSED_MOST: Final = 1_000
"""Beyond that a client begins anew: it must fit the outbox, or it would be cut off again at each attempt."""
LOOK_EVERY_S: Final = 5.0
CHIP_EVERY_S: Final = 15.0
ROSTER_EVERY_S: Final = 2.0
VIEWERS_EVERY_S: Final = 1.0

_log = structlog.get_logger(__name__)


class Room:
    """Made by the hub for the first connection, ended after the last."""

    def __init__(
        self, runtime: Runtime, tracker: PresenceTracker, gathering_id: uuid.UUID, layers: WantedLayers
    ) -> None:
        self.gathering_id = gathering_id
        self._layers = layers
        self.chat = ChatRoom(runtime, gathering_id)
        self.connections: set[ChannelConnection] = set()
        self.holders = 0
        self._runtime = runtime
        self._tracker = tracker
        self._gate = asyncio.Lock()
        self._state: RoomState | None = None
        self._delivered_seq = 0
        self._viewers_told = -1
        self._next_viewers_s = 0.0
        self._next_chip_s = 0.0
        self._next_roster_s = 0.0
        self._roster_told: dict[ChannelConnection, str] = {}
        self._telling: asyncio.Task[None] | None = None
        self._speaking: list[str] = []

    async def join(self, connection: ChannelConnection, after: int | None) -> None:
        """Greet, replay what was missed and take the connection in."""
        runtime = self._runtime
        async with self._gate:
            async with runtime.database.read() as db:
                known = self._state if self.connections else None
                # On air every change of state is an event; before and after, the hour alone changes the page.
                on_air = known is not None and known.on_air
                state = known if known and on_air else await read_state(db, runtime, self.gathering_id)
                last = await runtime.room_events.last_seq(db, self.gathering_id)
                # A number from the future is from another database: begin anew.
                resumes = after is not None and max(0, last - MISSED_MOST) <= after <= last
                seen = after if resumes and after is not None else max(0, last - HISTORY)
                missed: list[RoomEvent] = []
                while (at := missed[-1].seq if missed else seen) < last:
                    batch = await runtime.room_events.after(db, self.gathering_id, at)
                    if not batch:
                        break
                    missed += batch
            if not self.connections:
                self._delivered_seq = last
            self._state = state
            self.connections.add(connection)
            connection.post(
                frame_of(
                    "hello",
                    connection_id=str(connection.connection_id),
                    gathering_id=str(self.gathering_id),
                    media_epoch=runtime.media_epoch or "",
                    seq=last,
                    page_state=state.page_state,
                    viewer_count=self.viewers,
                    counted=self._is_counted(connection),
                    ping_interval_ms=int(PING_EVERY_S * 1000),
                    server_ms=epoch_ms(runtime.clock.now()),
                )
            )
            if self._speaking:
                connection.post(frame_of("speakers", speaking=self._speaking))
            for frame in self._layers.told(self.gathering_id, str(connection.actor.subject_id)):
                connection.post(frame)
            for event in missed:
                connection.post(event.frame)
            connection.sent_seq = missed[-1].seq if missed else seen
        self.beat(connection)
        self._next_chip_s = 0.0

    async def leave(self, connection: ChannelConnection, *, said_goodbye: bool) -> None:
        """Let a connection go; without a goodbye its presence ends by silence."""
        async with self._gate:
            self.connections.discard(connection)
            self._roster_told.pop(connection, None)
        if said_goodbye:
            self._tracker.farewell(connection.connection_id, epoch_ms(self._runtime.clock.now()))

    def beat(self, connection: ChannelConnection) -> None:
        """Take down that a connection was there just now, if its person is counted and the gathering is
        on air.
        """
        if self._state is not None and self._state.on_air and self._is_stored(connection):
            self._tracker.evidence(connection.presence, epoch_ms(self._runtime.clock.now()))

    def ask_roster(self, connection: ChannelConnection, *, on: bool) -> None:
        """Begin or stop telling a roll holder who is here."""
        connection.wants_roster = on
        self._roster_told.pop(connection, None)
        self._next_roster_s = 0.0

    @property
    def viewers(self) -> int:
        """How many people watch in this process: one for each person, hosts left out."""
        return len({c.actor.subject_id for c in self.connections if not c.is_host})

    async def run(self) -> None:
        """Deliver events until cancelled: when woken, and by looking from time to time."""
        with self._runtime.wakeup.listen(room_topic(self.gathering_id)) as listener:
            while True:
                await listener.wait(LOOK_EVERY_S)
                try:
                    await self.deliver()
                except Exception:
                    _log.exception("room_events_not_delivered", gathering_id=str(self.gathering_id))

    async def deliver(self) -> None:
        """Post every new event to everybody who has not got it."""
        runtime = self._runtime
        async with self._gate, runtime.database.read() as db:
            while events := await runtime.room_events.after(db, self.gathering_id, self._delivered_seq):
                if any(event.kind == "state" for event in events):
                    # Known here before anybody is told, so what follows a state event agrees with it.
                    before, self._state = self._state, await read_state(db, runtime, self.gathering_id)
                    self._after_state_change(before)
                for event in events:
                    for connection in self.connections:
                        if event.seq > connection.sent_seq:
                            connection.post(event.frame)
                            connection.sent_seq = event.seq
                self._delivered_seq = events[-1].seq

    def tick(self, now_s: float) -> None:
        """Tell what is due; called by the one ticker of the process."""
        if now_s >= self._next_viewers_s and self.viewers != self._viewers_told:
            self._next_viewers_s = now_s + VIEWERS_EVERY_S
            self._viewers_told = self.viewers
            self._runtime.viewer_counts.set(self.gathering_id, self.viewers)
            frame = frame_of("viewers", count=self.viewers)
            for connection in self.connections:
                connection.post(frame)
        chips = now_s >= self._next_chip_s and any(self._is_counted(c) for c in self.connections)
        roster = now_s >= self._next_roster_s and any(c.wants_roster for c in self.connections)
        if (chips or roster) and (self._telling is None or self._telling.done()):
            if chips:
                self._next_chip_s = now_s + CHIP_EVERY_S
            self._next_roster_s = now_s + ROSTER_EVERY_S
            self._telling = asyncio.create_task(self._tell_presence(chips=chips), name="room-presence")

    def tell_speakers(self, participants: list[str]) -> None:
        """Post who speaks, loudest first; a participant with two microphones is named once."""
        speaking = list(dict.fromkeys(participants))
        if speaking != self._speaking:
            self._speaking = speaking
            for connection in self.connections:
                connection.post(frame_of("speakers", speaking=speaking))

    def tell_one(self, participant: str, frame: str) -> None:
        """Post to every device of one participant."""
        for connection in self.connections:
            if str(connection.actor.subject_id) == participant:
                connection.post(frame)

    def close(self) -> None:
        """Forget the room: nobody is connected."""
        self._runtime.viewer_counts.set(self.gathering_id, 0)
        if self._telling is not None:
            self._telling.cancel()

    def _after_state_change(self, before: RoomState | None) -> None:
        assert self._state is not None
        self._next_chip_s = 0.0
        now_ms = epoch_ms(self._runtime.clock.now())
        for connection in self.connections:
            if self._state.on_air:
                # Who waited for Start counts from Start, not from the next answered ping.
                self.beat(connection)
            elif before is not None and before.on_air:
                self._tracker.farewell(connection.connection_id, now_ms, CloseCause.ENDED)

    async def _tell_presence(self, *, chips: bool) -> None:
        try:
            async with self._runtime.database.read() as db:
                presence = await read_presence(db, self._runtime, self.gathering_id)
        except Exception:
            _log.exception("presence_not_told", gathering_id=str(self.gathering_id))
            return
        for connection in list(self.connections):
            if chips and self._is_counted(connection):
                self._post_chip(connection, presence)
            if connection.wants_roster:
                self._post_roster(connection, presence)

    def _post_chip(self, connection: ChannelConnection, presence: RoomPresence) -> None:
        assert self._state is not None
        connection.post(
            frame_of(
                "presence",
                counted_ms=presence.counted_ms.get(connection.actor.subject_id, 0),
                counting=self._state.reason == "counting",
                reason=self._state.reason,
            )
        )

    def _post_roster(self, connection: ChannelConnection, presence: RoomPresence) -> None:
        scope = connection.admission.roll_organisations
        rows = [line.row for line in presence.roster if scope is None or line.branch_id in scope]
        frame = frame_of("roster", rows=rows)
        if self._roster_told.get(connection) != frame:
            self._roster_told[connection] = frame
            connection.post(frame)

    def _is_counted(self, connection: ChannelConnection) -> bool:
        """By the snapshot once there is one; before the first Start, whether the person is expected."""
        assert self._state is not None
        if self._state.counted:
            return connection.actor.subject_id in self._state.counted
        return connection.admission.convened

    def _is_stored(self, connection: ChannelConnection) -> bool:
        assert self._state is not None
        return connection.actor.subject_id in self._state.counted or connection.is_host
