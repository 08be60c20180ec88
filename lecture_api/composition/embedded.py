"""Media node and recordings service inside this process, reached by the same HTTP calls as apart
(design.md §2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp

from lecture_api.core.clock import SystemClock
from lecture_api.core.room_tokens import RoomTokenMinter
from lecture_api.settings import Settings
from recordings.app import create_app as create_recordings_app
from recordings.settings import RecordingsSettings
from streaming.app import MediaNode, app_of
from streaming.settings import StreamingSettings
from streaming.tokens import JwtVerifier


@dataclass(frozen=True, slots=True)
class EmbeddedServices:
    """The two services and how to run and reach them.

    Attributes:
        services: path prefix → app, for the dispatcher.
    """

    node: MediaNode
    media_app: Starlette
    recordings_app: Starlette

    @property
    def services(self) -> dict[str, ASGIApp]:
        """What of them is reachable from outside. Both have a /control/status; outside it is the media
        node's."""
        return {
            "/whip/": self.media_app,
            "/whep/": self.media_app,
            "/control/": self.media_app,
            "/metrics": self.media_app,
            "/control/recordings/": self.recordings_app,
            "/replay/": self.recordings_app,
        }

    def media_http(self) -> httpx.AsyncClient:
        """Reaches the media node without a socket."""
        return _in_process(self.media_app, "http://media")

    def recordings_http(self) -> httpx.AsyncClient:
        """Reaches the recordings service without a socket."""
        return _in_process(self.recordings_app, "http://recordings")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both services, for the time of the block; recorders end before the engine that feeds them."""
        await self.node.start()
        try:
            async with self.recordings_app.router.lifespan_context(self.recordings_app):
                yield
        finally:
            await self.node.stop()


def open_embedded(settings: Settings) -> EmbeddedServices:
    """Open the media sockets and build both services.

    Raises:
        OSError: the media port is taken, or a configured address is not ours.
    """
    # Makes the key pair when this is the first start: both services verify with its public half.
    RoomTokenMinter(settings.keys_dir, SystemClock())
    media = StreamingSettings(data_dir=settings.data_dir)
    node = MediaNode.open(media, JwtVerifier.from_pem_file(media.token_key_path))
    recordings_app = create_recordings_app(RecordingsSettings(data_dir=settings.data_dir))
    return EmbeddedServices(node, app_of(node), recordings_app)


def _in_process(app: ASGIApp, base_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=base_url
    )
