"""A media node with the native engine on real sockets, served by uvicorn on a free port of 127.0.0.1."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from streaming.app import MediaNode, app_of
from streaming.settings import StreamingSettings
from tests.support.media_tokens import TokenMint, bearer

EMPTY_PAGE = "<!doctype html><meta charset=utf-8><title>test page</title>"


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: Ctrl-C belongs to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class LiveNode:
    """`url` is where WHIP, WHEP, control and an empty page are served."""

    def __init__(self, node: MediaNode, mint: TokenMint, url: str, http: httpx.AsyncClient) -> None:
        self.node, self.mint, self.url, self.http = node, mint, url, http

    async def control(self, method: str, path: str, **options: Any) -> Any:
        """Call /control as the API does and return the JSON."""
        response = await self.http.request(
            method, f"/control{path}", headers=bearer(self.mint.control()), **options
        )
        response.raise_for_status()
        return response.json() if response.content else None

    async def next_event(
        self, event_type: str, *, after: int = 0, timeout_s: float = 30.0, **fields: Any
    ) -> dict[str, Any]:
        """Wait for an event of this type, and of these fields, beyond a position of this epoch."""
        async with asyncio.timeout(timeout_s):
            while True:
                params = {"after": after, "epoch": self.node.media_epoch, "wait": 5}
                for event in (await self.control("GET", "/events", params=params))["events"]:
                    after = event["seq"]
                    if event["type"] == event_type and fields.items() <= event.items():
                        return dict(event)


@asynccontextmanager
async def live_node(data_dir: Path, **settings: Any) -> AsyncIterator[LiveNode]:
    """A started node with the native engine; media on a free UDP port of every address unless told
    otherwise."""
    mint = TokenMint()
    node = MediaNode.open(StreamingSettings(data_dir=data_dir, media_port=0, **settings), mint.verifier)
    outer = Starlette(
        routes=[Route("/", lambda _: HTMLResponse(EMPTY_PAGE)), Mount("/", app_of(node))],
    )
    server = _Server(uvicorn.Config(outer, port=0, log_level="warning", lifespan="off"))
    await node.start()
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            yield LiveNode(node, mint, url, http)
    finally:
        server.should_exit = True
        await serving
        await node.stop()
