"""A media node that logs all it can never shows a key, a password or a token: not in output, events,
statistics or files."""

import asyncio
import base64
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiortc import RTCPeerConnection

from tests.support.aiortc_peers import playing, publishing, use_loopback
from tests.support.media_tokens import TokenMint, bearer
from tests.support.offers import publisher_offer
from tests.support.server import free_port

AT_DEBUG = """
import logging, sys
import uvicorn.config
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
for logger in uvicorn.config.LOGGING_CONFIG["loggers"].values():
    logger["level"] = "DEBUG"
from streaming.__main__ import run
run()
"""
EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"
KEY_BYTES, SALTS_BYTES = 16, {b"SRTP_AEAD_AES_128_GCM": 12, b"SRTP_AES128_CM_SHA1_80": 14}


class RememberingMint(TokenMint):
    """Keeps what it gives out."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def mint(self, *arguments: Any, **options: Any) -> str:
        self.given.append(super().mint(*arguments, **options))
        return self.given[-1]


class TalkativeNode:
    """A media node at debug level, in a process of its own."""

    def __init__(self, data_dir: Path, port: int, http: httpx.AsyncClient) -> None:
        self.mint = RememberingMint()
        self.http, self.data_dir = http, data_dir
        self.output = data_dir / "output.log"
        self._environment = os.environ | {
            "ZHIJIAN_DATA_DIR": str(data_dir),
            "ZHIJIAN_MEDIA_PORT": "0",
            "ZHIJIAN_MEDIA_ADDRESSES": "127.0.0.1",
            "ZHIJIAN_MEDIA_HTTP_PORT": str(port),
            "PYTHONASYNCIODEBUG": "1",
        }
        (data_dir / "keys").mkdir()
        (data_dir / "keys" / "room_token.pub.pem").write_bytes(self.mint.public_pem)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        with self.output.open("wb") as output:
            process = await asyncio.to_thread(
                subprocess.Popen,
                [sys.executable, "-c", AT_DEBUG],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                async with asyncio.timeout(40):
                    while process.poll() is None:
                        try:
                            await self.control("GET", "/status")
                            break
                        except httpx.TransportError:
                            await asyncio.sleep(0.1)
                yield
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, 20)

    async def control(self, method: str, path: str, **options: Any) -> str:
        response = await self.http.request(
            method, f"/control{path}", headers=bearer(self.mint.control()), **options
        )
        response.raise_for_status()
        return response.text

    async def told(self) -> str:
        """All the node says of itself over HTTP."""
        paths = ("/status", "/events", "/rooms/room")
        return "".join([await self.control("GET", path) for path in paths])


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TalkativeNode]:
    use_loopback(monkeypatch)
    port = free_port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
        yield TalkativeNode(tmp_path, port, http)


def srtp_secrets(pc: RTCPeerConnection) -> Iterator[bytes]:
    """Keys and salts of both directions, exported by the foreign peer (RFC 5764 §4.2)."""
    connection = pc.getTransceivers()[0].sender.transport._ssl
    assert connection is not None
    salt_bytes = SALTS_BYTES[connection.get_selected_srtp_profile()]
    material = connection.export_keying_material(EXPORTER_LABEL, 2 * (KEY_BYTES + salt_bytes))
    yield from (material[:KEY_BYTES], material[KEY_BYTES : 2 * KEY_BYTES])
    yield from (material[2 * KEY_BYTES :][:salt_bytes], material[-salt_bytes:])


def passwords(pc: RTCPeerConnection) -> list[str]:
    """The ICE passwords of both sides."""
    texts = pc.localDescription.sdp + pc.remoteDescription.sdp
    return re.findall(r"a=ice-pwd:(\S+)", texts)


def written(secret: bytes) -> Iterator[str]:
    """Every way somebody might print bytes."""
    yield from (secret.hex(), secret.hex().upper(), secret.hex(":"), secret.hex(" "))
    yield repr(secret)[2:-1]
    yield base64.b64encode(secret).decode().rstrip("=")[:-1]
    yield base64.urlsafe_b64encode(secret).decode().rstrip("=")[:-1]
    yield from (str(list(secret))[1:-1], ",".join(map(str, secret)))


async def test_node_at_debug_level_shows_no_key_no_password_and_no_token(node: TalkativeNode) -> None:
    async with node.running():
        await node.control("PUT", "/rooms/room", json={"key_generation": 1})
        stream_key = node.mint.mint("obs", "room", ["publish"], claims={"gen": 1})
        offers = [
            (stream_key, publisher_offer()),
            (stream_key + "x", publisher_offer()),
            (stream_key, publisher_offer().replace("a=mid", "a=dim")),
        ]
        for token, offer in offers:
            headers = bearer(token) | {"Content-Type": "application/sdp"}
            await node.http.post("/whip/room?source=screen", content=offer, headers=headers)
        async with publishing(node) as publisher, playing(node) as player:
            await player.frames("video", 10)
            raw = {*srtp_secrets(publisher.pc), *srtp_secrets(player.pc)}
            words = {*passwords(publisher.pc), *passwords(player.pc), *node.mint.given}
            told = await node.told()
    assert (len(raw), len(words) >= 8) == (8, True)
    files = [path for path in node.data_dir.rglob("*") if path.is_file() and path.parent.name != "keys"]
    told += "".join(path.read_text(encoding="utf-8", errors="backslashreplace") for path in files)
    assert "DEBUG" in node.output.read_text(encoding="utf-8"), "the node does log at debug level"
    assert "publisher_live" in told
    words.update(token.rpartition(".")[2] for token in node.mint.given)
    words.update(form for secret in raw for form in written(secret))
    shown = sorted(word for word in words if word in told)
    assert shown == []
