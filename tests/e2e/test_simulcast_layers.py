"""Real Chromium publishes three layers; aiortc, which forgives no broken frame, sees one stream that changes
its size."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, pack_remb_fci
from playwright.async_api import Page

from recordings.playlist import media_playlist
from recordings.settings import RecordingsSettings
from recordings.supervisor import Supervisor
from tests.support.aiortc_peers import Player, playing, use_loopback
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.media_node_live import LiveNode, live_node
from tests.support.recording_checks import decode, read_catalogue, read_playlist

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

WAIT_S = 60.0
WIDTH, HEIGHT = 1280, 720
PUBLISH = """
async ([url, token, codec]) => {
  const canvas = document.createElement("canvas");
  canvas.width = 1280; canvas.height = 720;
  const context = canvas.getContext("2d");
  let count = 0;
  setInterval(() => {
    context.fillStyle = `hsl(${count++ % 360} 60% 50%)`;
    context.fillRect(0, 0, 1280, 720);
    context.fillStyle = "white";
    context.fillRect((count * 7) % 1280, 300, 80, 80);
  }, 50);
  window.pc = new RTCPeerConnection();
  const transceiver = pc.addTransceiver(canvas.captureStream(20).getVideoTracks()[0], {
    direction: "sendonly",
    sendEncodings: [
      {rid: "l", scaleResolutionDownBy: 4, maxBitrate: 150000},
      {rid: "m", scaleResolutionDownBy: 2, maxBitrate: 500000},
      {rid: "h", maxBitrate: 1500000},
    ],
  });
  const all = RTCRtpSender.getCapabilities("video").codecs;
  const chosen = all.filter((entry) => [`video/${codec}`, "video/rtx"].includes(entry.mimeType));
  transceiver.setCodecPreferences(chosen);
  window.sender = transceiver.sender;
  await pc.setLocalDescription();
  const response = await fetch(url, {
    method: "POST",
    headers: {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`},
    body: pc.localDescription.sdp,
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  await pc.setRemoteDescription({type: "answer", sdp: answer});
  window.session_id = response.headers.get("Location").split("/").pop();
}
"""
SET_ACTIVE = """
async (wanted) => {
  const parameters = sender.getParameters();
  for (const encoding of parameters.encodings) encoding.active = wanted.includes(encoding.rid);
  await sender.setParameters(parameters);
}
"""


class Pictures:
    """What a player decodes, by size; every frame is looked at."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self.sizes: list[tuple[int, int]] = []
        self._grown = asyncio.Event()

    async def watch(self) -> None:
        """Decode for ever."""
        last = -1
        while True:
            (frame,) = await self._player.frames("video", 1)
            assert isinstance(frame, av.VideoFrame)
            assert frame.pts is not None
            assert frame.pts > last, "time goes on across layers"
            last = frame.pts
            self.sizes.append((frame.width, frame.height))
            self._grown.set()

    async def until(self, is_right: Callable[[int], bool]) -> None:
        """Wait until frames of a height come that is right."""
        async with asyncio.timeout(WAIT_S):
            while not self.sizes or not is_right(self.sizes[-1][1]):
                self._grown.clear()
                await self._grown.wait()

    async def until_height(self, height: int) -> None:
        """Wait until frames of this height come."""
        await self.until(lambda seen: seen == height)


@asynccontextmanager
async def watching(player: Player) -> AsyncIterator[Pictures]:
    """Decoded pictures of a player; whatever goes wrong with them fails the test."""
    pictures = Pictures(player)
    task = asyncio.create_task(pictures.watch())
    try:
        yield pictures
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def simulcast(tmp_path: Path, codec: str) -> AsyncIterator[tuple[LiveNode, Page]]:
    """A node, and a page that publishes three layers into `room`."""
    async with live_node(tmp_path) as node, chromium(LOOPBACK_CANDIDATES) as browser:
        page = await (await browser.new_context()).new_page()
        await page.goto(node.url)
        token = node.mint.mint("lecturer", "room")
        await page.evaluate(PUBLISH, [f"{node.url}/whip/room?source=camera", token, codec])
        yield node, page
        await page.close()


PLAY = """
async ([url, token]) => {
  window.pc = new RTCPeerConnection();
  window.video = document.createElement("video");
  video.autoplay = video.muted = true;
  document.body.append(video);
  pc.ontrack = (event) => { video.srcObject = event.streams[0]; };
  pc.addTransceiver("video", {direction: "recvonly"});
  await pc.setLocalDescription();
  const response = await fetch(url, {
    method: "POST",
    headers: {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`},
    body: pc.localDescription.sdp,
  });
  await pc.setRemoteDescription({type: "answer", sdp: await response.text()});
}
"""


class Bottleneck:
    """Speaks for the path of an aiortc player, whose own estimates are switched off."""

    def __init__(self, player: Player) -> None:
        self._receiver: Any = player.pc.getReceivers()[0]
        vars(self._receiver)["_RTCRtpReceiver__remote_bitrate_estimator"] = None

    async def carries(self, bps: int) -> None:
        """Send a REMB."""
        own = self._receiver._RTCRtpReceiver__rtcp_ssrc or 1
        fci = pack_remb_fci(bps, [])
        packet = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci)
        await self._receiver._send_rtcp(packet)


async def layers(node: LiveNode) -> dict[str, dict[str, Any]]:
    """The engine's numbers of each layer, by rid."""
    publications = (await node.control("GET", "/status"))["engine"]["publications"].values()
    return {layer["rid"]: layer for entry in publications for layer in entry["layers"]}


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_viewer_follows_the_layers_without_a_broken_frame(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use_loopback(monkeypatch)
    async with simulcast(tmp_path, codec) as (node, page), playing(node) as player, watching(player) as seen:
        await seen.until_height(HEIGHT)
        await page.evaluate(SET_ACTIVE, ["l", "m"])
        await seen.until_height(HEIGHT // 2)
        await page.evaluate(SET_ACTIVE, ["l"])
        await seen.until_height(HEIGHT // 4)
        await page.evaluate(SET_ACTIVE, ["l", "m", "h"])
        await seen.until_height(HEIGHT)
        found = await layers(node)
        assert list(found) == ["l", "m", "h"]
        assert all(entry["packets"] > 0 and entry["lost"] == 0 for entry in found.values())
    assert "failed to decode" not in caplog.text


async def test_a_viewer_gets_the_layer_its_path_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use_loopback(monkeypatch)
    async with simulcast(tmp_path, "VP8") as (node, _), playing(node) as player, watching(player) as seen:
        path = Bottleneck(player)
        await seen.until(lambda height: height > HEIGHT // 4)
        await path.carries(60_000)
        await seen.until(lambda height: height == HEIGHT // 4)
        await path.carries(20_000_000)
        # A busy machine loses packets, which holds the highest layer back.
        await seen.until(lambda height: height > HEIGHT // 4)
    assert "failed to decode" not in caplog.text


async def test_chromium_sees_the_top_layer_and_tells_what_its_path_carries(tmp_path: Path) -> None:
    async with simulcast(tmp_path, "VP8") as (node, publisher):
        page = await publisher.context.new_page()
        await page.goto(node.url)
        await page.evaluate(PLAY, [f"{node.url}/whep/room", node.mint.mint("member", "room")])
        await page.wait_for_function(f"() => video.videoHeight === {HEIGHT}", timeout=WAIT_S * 1000)
        async with asyncio.timeout(WAIT_S):
            while True:
                sessions = (await node.control("GET", "/status"))["engine"]["sessions"].values()
                if any(entry["estimate_bps"] for entry in sessions):
                    break
                await asyncio.sleep(0.2)
        await page.close()


async def test_layers_nobody_watches_are_let_go_and_wanted_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    async with simulcast(tmp_path, "VP8") as (node, page):
        told = await node.next_event("layers_wanted")
        assert told["data"]["wanted"] == ["l"]
        assert told["session_id"] == await page.evaluate("() => session_id")
        await page.evaluate(SET_ACTIVE, told["data"]["wanted"])
        async with playing(node) as player, watching(player) as seen:
            wanted = await node.next_event("layers_wanted", after=told["seq"])
            assert wanted["data"]["wanted"] == ["l", "h"]
            await page.evaluate(SET_ACTIVE, wanted["data"]["wanted"])
            await seen.until_height(HEIGHT)


async def test_the_recording_follows_the_highest_layer_down_and_up(tmp_path: Path) -> None:
    supervisor = Supervisor(RecordingsSettings(data_dir=tmp_path, disk_reserve_mib=0))
    directory = supervisor.directory("rec-1")
    async with simulcast(tmp_path, "H264") as (node, page):
        await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": "H264"})
        await supervisor.start("rec-1", "room", str(tmp_path / "media" / "feed.sock"))
        await recorded_heights(directory, {HEIGHT})
        await page.evaluate(SET_ACTIVE, ["l"])
        await recorded_heights(directory, {HEIGHT, HEIGHT // 4})
        await page.evaluate(SET_ACTIVE, ["l", "m", "h"])
        count = len(read_catalogue(directory).renditions["V0"])
        async with asyncio.timeout(WAIT_S):
            while not any(height == HEIGHT for height in picture_heights(directory)[count:]):
                await asyncio.sleep(0.2)
        child = supervisor.child("rec-1")
        assert child
        await node.control("PUT", "/rooms/room", json={"recording_id": None})
        async with asyncio.timeout(WAIT_S):
            while child.status["state"] != "finished":
                await asyncio.sleep(0.05)
    await supervisor.close()
    segments = read_playlist(media_playlist(read_catalogue(directory), "V0"))
    assert all(decode(directory, segment.init, [segment.file]).frames for segment in segments)
    for before, after in pairwise(segments):
        assert after.is_discontinuous or after.init == before.init


def picture_heights(directory: Path) -> list[int]:
    """The height of each segment of the program, as its init segment says."""
    if not directory.exists():
        return []
    segments = read_playlist(media_playlist(read_catalogue(directory), "V0"))
    heights = []
    for segment in segments:
        with av.open(str(directory / segment.init)) as container:
            heights.append(container.streams.video[0].codec_context.height)
    return heights


async def recorded_heights(directory: Path, heights: set[int]) -> None:
    """Wait until there are segments of these heights."""
    async with asyncio.timeout(WAIT_S):
        while not heights <= set(picture_heights(directory)):
            await asyncio.sleep(0.2)
