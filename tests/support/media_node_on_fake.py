"""A whole media node over `FakeEngine`, reached through ASGI, and DTLS peers that shake hands with it for
real."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from streaming.app import MediaNode, app_of
from streaming.relay.fake import FakeEngine
from streaming.settings import StreamingSettings
from tests.support.media_tokens import TokenMint, bearer
from tests.support.offers import publisher_offer, viewer_offer

WAIT_S = 20.0


async def until(condition: Callable[[], Any]) -> Any:
    """Let the loop run until `condition()` is true; return what it returned."""
    async with asyncio.timeout(WAIT_S):
        while not (value := condition()):
            await asyncio.sleep(0.005)
        return value


class _BridgeToEngine:
    """The ICE transport of a peer: what it sends the engine reports, what the engine sends it receives."""

    role = "controlling"

    def __init__(self, engine: FakeEngine, engine_id: int) -> None:
        self._engine = engine
        self._engine_id = engine_id
        self._read = 0

    async def _recv(self) -> bytes:
        while not (mine := self._sent()[self._read :]):
            await asyncio.sleep(0.005)
        self._read += 1
        return bytes(mine[0])

    async def _send(self, data: bytes) -> None:
        self._engine.emit("dtls", self._engine_id, data=data)

    def _sent(self) -> list[bytes]:
        return [
            datagram for target, datagram in self._engine.called("send_dtls") if target == self._engine_id
        ]


class Peer:
    """A browser's DTLS side with a certificate of its own."""

    def __init__(self) -> None:
        self.certificate = RTCCertificate.generateCertificate()
        self.fingerprint = self.certificate.getFingerprints()[0].value
        self.dtls: RTCDtlsTransport | None = None

    async def connect(self, engine: FakeEngine, engine_id: int, server_fingerprint: str) -> RTCDtlsTransport:
        """Shake hands as DTLS client."""
        dtls = RTCDtlsTransport(_BridgeToEngine(engine, engine_id), [self.certificate])  # type: ignore[arg-type]
        dtls._set_role("client")
        engine.emit("selected", engine_id, "192.0.2.9:50000")
        await dtls.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", server_fingerprint)]))
        self.dtls = dtls
        return dtls


class NodeOnFake:
    """The node, its engine, an HTTP client without default token, and a token mint."""

    def __init__(self, node: MediaNode, engine: FakeEngine, http: httpx.AsyncClient, mint: TokenMint) -> None:
        self.node, self.engine, self.http, self.mint = node, engine, http, mint
        self.peers: list[Peer] = []

    async def post(
        self, kind: str, participant: str = "p1", *, room: str = "room", offer: str, source: str = ""
    ) -> httpx.Response:
        """POST an offer to /whip or /whep with a good token."""
        return await self.http.post(
            f"/{kind}/{room}",
            params={"source": source} if source else None,
            content=offer,
            headers=bearer(self.mint.mint(participant, room)) | {"Content-Type": "application/sdp"},
        )

    async def connected(
        self,
        kind: str,
        participant: str = "p1",
        *,
        room: str = "room",
        source: str = "",
        offer: str | None = None,
    ) -> tuple[str, int, Peer]:
        """Open a session and shake hands. Returns (URL, engine id, peer)."""
        peer = Peer()
        self.peers.append(peer)
        make = publisher_offer if kind == "whip" else viewer_offer
        text = (offer or make()).replace(":".join(["AB"] * 32), peer.fingerprint)
        response = await self.post(kind, participant, room=room, offer=text, source=source)
        assert response.status_code == 201, response.text
        engine_id = self.engine.called("add_session")[-1][0]
        await peer.connect(self.engine, engine_id, self.node.services.opener._dtls.fingerprint)
        await until(lambda: engine_id in [call[0] for call in self.engine.called("set_keys")])
        return response.headers["location"], engine_id, peer

    async def control(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call /control as the API does."""
        return await self.http.request(
            method, f"/control{path}", headers=bearer(self.mint.control()), **options
        )

    async def events(self) -> list[dict[str, Any]]:
        """Every unacknowledged event."""
        found: list[dict[str, Any]] = (await self.control("GET", "/events")).json()["events"]
        return found

    async def event_types(self) -> list[str]:
        """The types of `events`."""
        return [event["type"] for event in await self.events()]


@asynccontextmanager
async def node_on_fake(
    data_dir: Path, *, node_epoch: str = "epoch-1", **settings: Any
) -> AsyncIterator[NodeOnFake]:
    """A started media node over a fake engine."""
    mint = TokenMint()
    engine = FakeEngine([("192.0.2.1", 8001), ("127.0.0.1", 8001)])
    node = MediaNode(
        StreamingSettings(data_dir=data_dir, **settings), engine, mint.verifier, node_epoch=node_epoch
    )
    await node.start()
    transport = httpx.ASGITransport(app_of(node))
    async with httpx.AsyncClient(transport=transport, base_url="http://media.test") as http:
        running = NodeOnFake(node, engine, http, mint)
        try:
            yield running
        finally:
            await node.stop()
            for peer in running.peers:
                if peer.dtls is not None:
                    await peer.dtls.stop()
