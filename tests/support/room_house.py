"""A served room channel and its clients, for tests: real uvicorn, real WebSockets, a clock that moves by
hand.
"""

import asyncio
import contextlib
import json
import uuid
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect

from lecture_api.presence.service import presence_of
from lecture_api.presence.tracker import PresenceTracker
from lecture_api.room_channel.hub import RoomHub
from lecture_api.room_channel.routes import router
from tests.support.learning_app import FakeRecordings, app_with, runtime_around, served


class House:
    """A served room channel."""

    def __init__(self, stage, runtime, tracker, hub, address):
        self.stage, self.runtime, self.tracker, self.hub, self.address = stage, runtime, tracker, hub, address

    @asynccontextmanager
    async def client(self, subject, after=None, **options):
        query = "" if after is None else f"?after={after}"
        url = f"ws://{self.address}/api/gatherings/{self.stage.gathering_id}/channel{query}"
        headers = {"Cookie": f"subject={subject}"} if subject else {}
        origin = options.pop("origin", f"http://{self.address}")
        async with connect(
            url, additional_headers=headers, origin=origin, close_timeout=1, **options
        ) as socket:
            yield Client(socket)

    async def state(self, state, minutes):
        """What gatherings do at a step: the timeline and the event."""
        await self.stage.step(state, minutes)
        async with self.stage.database.write() as db:
            said = {"gathering_state": state, "page_state": state}
            await self.runtime.room_events.append(
                db, self.stage.gathering_id, self.runtime.clock.now(), "state", said
            )

    async def presence(self, subject):
        await self.tracker.flush()
        async with self.stage.database.read() as db:
            return (await presence_of(db, self.stage.gathering_id)).get(subject)


class Client:
    def __init__(self, socket):
        self.socket, self.frames = socket, []

    async def next(self, frame_type=None, /, **members):
        """The next frame of this type and with these members; all are kept in `frames`."""
        while True:
            frame = await asyncio.wait_for(self.socket.recv(), 10)
            self.frames.append(frame)
            message = json.loads(frame)
            if (frame_type is None or message["type"] == frame_type) and members.items() <= message.items():
                return message

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def say(self, text, client_id=None):
        client_id = client_id or str(uuid.uuid4())
        await self.send(type="chat", client_id=client_id, text=text)
        return client_id

    async def events_until(self, seq):
        while json.loads((await self.next("event")) and self.frames[-1])["seq"] < seq:
            pass
        return [frame for frame in self.frames if json.loads(frame)["type"] == "event"]


@asynccontextmanager
async def open_house(stage, folder, wakeup=None):
    """One process of the API with nothing but the channel; `wakeup` connects it with others."""
    runtime = runtime_around(stage, folder, FakeRecordings(), wakeup)
    tracker = PresenceTracker(stage.database, stage.clock)
    hub = RoomHub(runtime, tracker)
    app = app_with(runtime, router)
    app.state.room_hub = hub
    ticker = asyncio.create_task(hub.run())
    async with served(app) as address:
        yield House(stage, runtime, tracker, hub, address)
        await hub.close()
    ticker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticker
