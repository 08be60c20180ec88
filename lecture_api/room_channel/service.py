"""Everything that runs beside the requests for presence, replays, records and the room channel: one thing
to start.

Composition makes it after Runtime, includes `ROUTERS`, hangs `hub` on `app.state.room_hub` and enters
`running()`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI

from lecture_api.accounts.events import LoginsEnded
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.events import NodeEvent
from lecture_api.presence.node_evidence import NodeEvidence
from lecture_api.presence.tracker import PresenceTracker
from lecture_api.records import service as records
from lecture_api.records.routes import router as records_router
from lecture_api.replays import service as replays
from lecture_api.replays.routes import router as replays_router
from lecture_api.room_channel.hub import RoomHub
from lecture_api.room_channel.routes import router as channel_router

ROUTERS: Final[tuple[APIRouter, ...]] = (replays_router, records_router, channel_router)


class LearningServices:
    """Presence tracker, room hub and the listeners of this process."""

    def __init__(self, runtime: Runtime) -> None:
        self._background = runtime.background
        self.tracker = PresenceTracker(runtime.database, runtime.clock)
        self.hub = RoomHub(runtime, self.tracker)
        NodeEvidence(self.tracker).register(runtime.hooks)
        runtime.hooks.after_commit(LoginsEnded, self.hub.on_logins_ended)
        runtime.hooks.after_commit(NodeEvent, self.hub.on_node_event)
        # In this order: a corrected end is mapped before it is judged.
        replays.register(runtime)
        records.register(runtime)

    def install(self, app: FastAPI) -> None:
        """Put the routes of these features on an app that carries the same Runtime."""
        app.state.room_hub = self.hub
        for router in ROUTERS:
            app.include_router(router)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tick and commit for the time of the block; then tell the clients, and close what is open."""
        await self.tracker.flush()
        lasting = self._background.lasting
        try:
            async with lasting(self.tracker.run(), "presence-commit"), lasting(self.hub.run(), "room-ticker"):
                yield
        finally:
            await self.hub.close()
            await self.tracker.close()
