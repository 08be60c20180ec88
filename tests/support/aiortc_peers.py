"""aiortc as a foreign WHIP publisher and WHEP player over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import aioice.ice
import httpx
import pytest
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from tests.support.media_tokens import bearer

FRAME_WAIT_S = 30.0


class Mint(Protocol):
    """Where a peer gets its token."""

    def mint(self, participant: str, room: str, /) -> str:
        """A token for one room."""
        ...


class MediaNodeClient(Protocol):
    """What a peer needs of a media node, in this process or another."""

    http: httpx.AsyncClient

    @property
    def mint(self) -> Mint:
        """Who gives out tokens."""
        ...


def use_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let aioice use 127.0.0.1, which it leaves out by itself."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


def _codecs(kind: str, name: str | None) -> list[RTCRtpCodecCapability]:
    everything = (RTCRtpReceiver if kind == "receive" else RTCRtpSender).getCapabilities("video").codecs
    return [codec for codec in everything if codec.name == name or codec.name.lower() == "rtx"]


class Publisher:
    """Sends the test picture and silence of aiortc."""

    def __init__(self, node: MediaNodeClient, participant: str, room: str, codec: str, source: str) -> None:
        self._node, self._codec, self._source = node, codec, source
        self._headers = bearer(node.mint.mint(participant, room)) | {"Content-Type": "application/sdp"}
        self._room = room
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.location = ""
        self.answer = ""

    async def start(self) -> None:
        """POST the offer and wait until media may flow."""
        self.pc.addTransceiver(AudioStreamTrack(), direction="sendonly")
        video = self.pc.addTransceiver(VideoStreamTrack(), direction="sendonly")
        video.setCodecPreferences(_codecs("send", self._codec))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        response = await self._node.http.post(
            f"/whip/{self._room}",
            params={"source": self._source},
            content=self.pc.localDescription.sdp,
            headers=self._headers,
        )
        assert response.status_code == 201, response.text
        self.location, self.answer = response.headers["location"], response.text
        await self.pc.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        await _connected(self.pc)


class Player:
    """Receives the program picture and sound; `video` and `audio` are its tracks."""

    def __init__(self, node: MediaNodeClient, participant: str, room: str) -> None:
        self._node, self._room = node, room
        self._headers = bearer(node.mint.mint(participant, room)) | {"Content-Type": "application/sdp"}
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.location = ""

    async def start(self) -> None:
        """POST the offer and wait until media may flow."""
        self.pc.on("track", lambda track: self.tracks.setdefault(track.kind, track))
        self.pc.addTransceiver("video", direction="recvonly")
        self.pc.addTransceiver("audio", direction="recvonly")
        await self.pc.setLocalDescription(await self.pc.createOffer())
        response = await self._node.http.post(
            f"/whep/{self._room}", content=self.pc.localDescription.sdp, headers=self._headers
        )
        assert response.status_code == 201, response.text
        self.location = response.headers["location"]
        await self.pc.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        await _connected(self.pc)

    async def frames(self, kind: str, count: int) -> list[object]:
        """Wait for decoded frames of one kind."""
        async with asyncio.timeout(FRAME_WAIT_S):
            return [await self.tracks[kind].recv() for _ in range(count)]


@asynccontextmanager
async def publishing(
    node: MediaNodeClient,
    participant: str = "lecturer",
    room: str = "room",
    *,
    codec: str = "H264",
    source: str = "camera",
) -> AsyncIterator[Publisher]:
    """A connected publisher, closed at the end."""
    publisher = Publisher(node, participant, room, codec, source)
    try:
        await publisher.start()
        yield publisher
    finally:
        await publisher.pc.close()


@asynccontextmanager
async def playing(
    node: MediaNodeClient, participant: str = "member", room: str = "room"
) -> AsyncIterator[Player]:
    """A connected player, closed at the end."""
    player = Player(node, participant, room)
    try:
        await player.start()
        yield player
    finally:
        await player.pc.close()


async def _connected(pc: RTCPeerConnection) -> None:
    changed = asyncio.Event()
    pc.on("connectionstatechange", changed.set)
    async with asyncio.timeout(FRAME_WAIT_S):
        while pc.connectionState != "connected":
            assert pc.connectionState != "failed"
            changed.clear()
            await changed.wait()
