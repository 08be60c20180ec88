"""`python -m streaming` as a process of its own: killed in mid-lecture and started again, nothing it knew is
lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.aiortc_peers import playing, publishing, use_loopback
from tests.support.media_tokens import TokenMint, bearer
from tests.support.server import free_port


class NodeProcess:
    """One installation of a media node; `http` reaches whichever process serves it now."""

    def __init__(self, data_dir: Path, http_port: int, http: httpx.AsyncClient) -> None:
        self.mint = TokenMint()
        self.http = http
        self._environment = os.environ | {
            "ZHIJIAN_DATA_DIR": str(data_dir),
            "ZHIJIAN_MEDIA_PORT": "0",
            "ZHIJIAN_MEDIA_ADDRESSES": "127.0.0.1",
            "ZHIJIAN_MEDIA_HTTP_PORT": str(http_port),
        }
        (data_dir / "keys").mkdir(parents=True)
        (data_dir / "keys" / "room_token.pub.pem").write_bytes(self.mint.public_pem)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[subprocess.Popen[bytes]]:
        process = await asyncio.to_thread(
            subprocess.Popen, [sys.executable, "-m", "streaming"], env=self._environment
        )
        try:
            async with asyncio.timeout(40):
                while process.poll() is None:
                    try:
                        await self.get("/control/status")
                        break
                    except httpx.TransportError:
                        await asyncio.sleep(0.1)
            assert process.poll() is None
            yield process
        finally:
            process.kill()
            process.wait()

    async def get(self, path: str) -> dict[str, Any]:
        response = await self.http.get(path, headers=bearer(self.mint.control()))
        response.raise_for_status()
        return dict(response.json())

    async def event_types(self) -> list[str]:
        return [event["type"] for event in (await self.get("/control/events"))["events"]]


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    use_loopback(monkeypatch)
    port = free_port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
        yield NodeProcess(tmp_path, port, http)


async def test_killed_node_comes_back_with_a_new_epoch_and_everything_it_had_to_report(
    node: NodeProcess,
) -> None:
    async with node.running() as process, publishing(node), playing(node) as player:
        await player.frames("video", 10)
        first = await node.get("/control/status")
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)
        async with node.running():
            assert (await node.get("/control/status"))["media_epoch"] != first["media_epoch"]
            events = (await node.get("/control/events"))["events"]
            assert {event["node_epoch"] for event in events} == {first["media_epoch"]}
            assert {event["type"] for event in events} >= {
                "publisher_connected",
                "publisher_live",
                "viewer_connected",
            }
            async with publishing(node), playing(node) as again:
                await again.frames("video", 10)


async def test_interrupted_node_says_goodbye_and_leaves_no_socket_behind(
    node: NodeProcess, tmp_path: Path
) -> None:
    async with node.running() as process, playing(node) as player:
        closed = asyncio.Event()
        player.pc.on("connectionstatechange", lambda: player.pc.connectionState == "closed" and closed.set())
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(closed.wait(), 30)
        assert await asyncio.to_thread(process.wait, 20) in (0, 130)
        assert not (tmp_path / "media" / "feed.sock").exists()
