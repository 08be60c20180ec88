"""Firefox ESR publishes by WHIP and plays by WHEP, in a room of VP8: the machine's Firefox has no H264."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.aiortc_peers import playing, publishing
from tests.support.far_network import FarNetwork
from tests.support.firefox import Firefox, firefox
from tests.support.media_node_live import LiveNode, live_node

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

WAIT_S = 90.0
PAGE = """
window.negotiate = async (kind, token) => {
  await pc.setLocalDescription();
  const response = await fetch(`/${kind}/room`, {
    method: "POST",
    headers: {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`},
    body: pc.localDescription.sdp,
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  await pc.setRemoteDescription({type: "answer", sdp: answer});
  window.mine = response.headers.get("Location");
};
window.publish = async (token) => {
  const media = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  window.pc = new RTCPeerConnection();
  for (const track of media.getTracks())
    pc.addTransceiver(track, {direction: "sendonly", streams: [media]});
  await negotiate("whip", token);
};
window.play = async (token) => {
  window.pc = new RTCPeerConnection();
  window.video = document.createElement("video");
  video.autoplay = video.muted = true;
  document.body.append(video);
  pc.ontrack = (event) => { video.srcObject ??= event.streams[0]; };
  for (const kind of ["video", "audio"]) pc.addTransceiver(kind, {direction: "recvonly"});
  await negotiate("whep", token);
};
window.remove = async (token) => {
  const headers = {Authorization: `Bearer ${token}`};
  return (await fetch(mine, {method: "DELETE", headers})).status;
};
window.restart = async (token) => {
  pc.restartIce();
  await pc.setLocalDescription(await pc.createOffer());
  const line = (sdp, name) => sdp.match(new RegExp(`a=${name}:(\\\\S+)`))[0];
  const response = await fetch(mine, {
    method: "PATCH",
    headers: {
      "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*", Authorization: `Bearer ${token}`,
    },
    body: `${line(pc.localDescription.sdp, "ice-ufrag")}\r\n${line(pc.localDescription.sdp, "ice-pwd")}\r\n`,
  });
  const fragment = await response.text();
  const sdp = pc.remoteDescription.sdp
    .replace(/a=ice-ufrag:\\S+/g, line(fragment, "ice-ufrag"))
    .replace(/a=ice-pwd:\\S+/g, line(fragment, "ice-pwd"));
  await pc.setRemoteDescription({type: "answer", sdp});
  return response.status;
};
window.received = async () => {
  const found = {state: pc.connectionState, shown: [video.videoWidth, video.videoHeight]};
  for (const entry of (await pc.getStats()).values())
    if (entry.type === "inbound-rtp") found[entry.kind] = entry;
  return found;
};
null
"""


@asynccontextmanager
async def node_and_firefox(folder: Path) -> AsyncIterator[tuple[LiveNode, Firefox]]:
    with FarNetwork().entered():
        async with live_node(folder) as node, firefox(folder) as browser:
            await node.control(
                "PUT",
                "/rooms/room",
                json={"recording_id": None, "codec": "VP8"},
            )
            yield node, browser


async def playing_tab(node: LiveNode, browser: Firefox, participant: str) -> str:
    tab = await browser.open_page(node.url, PAGE)
    await browser.evaluate(tab, f"play({node.mint.mint(participant)!r})")
    return tab


async def decodes(browser: Firefox, tab: str, frames: int) -> dict[str, Any]:
    """Wait until the tab has decoded this many pictures, and sound."""
    async with asyncio.timeout(WAIT_S):
        while True:
            found: dict[str, Any] = await browser.evaluate(tab, "received()")
            pictures = found.get("video", {}).get("framesDecoded", 0)
            if pictures >= frames and found.get("audio", {}).get("totalSamplesReceived", 0) > 0:
                return found
            await asyncio.sleep(0.5)


async def test_firefox_is_seen_by_firefox_and_by_others_and_leaves_by_delete(tmp_path: Path) -> None:
    async with node_and_firefox(tmp_path) as (node, browser):
        token = node.mint.mint("lecturer")
        publisher = await browser.open_page(node.url, PAGE)
        await browser.evaluate(publisher, f"publish({token!r})")
        await node.next_event("publisher_live", timeout_s=WAIT_S)
        async with playing(node, "another") as other:
            await asyncio.gather(other.frames("video", 10), other.frames("audio", 25))
        tab = await playing_tab(node, browser, "member")
        found = await decodes(browser, tab, 30)
        assert found["state"] == "connected"
        assert min(found["shown"]) > 0
        for page, participant in ((tab, "member"), (publisher, "lecturer")):
            assert await browser.evaluate(page, f"remove({node.mint.mint(participant)!r})") == 200
        assert (await node.next_event("viewer_gone", participant="member"))["data"] == {"cause": "deleted"}
        gone = await node.next_event("publisher_gone")
        assert gone["data"] == {"source": "camera", "cause": "deleted"}


async def test_firefox_that_came_first_sees_another_publisher(tmp_path: Path) -> None:
    async with node_and_firefox(tmp_path) as (node, browser):
        tab = await playing_tab(node, browser, "member")
        async with publishing(node, codec="VP8"):
            found = await decodes(browser, tab, 30)
            assert found["state"] == "connected"
        assert await browser.evaluate(tab, f"remove({node.mint.mint('member')!r})") == 200


async def test_firefox_goes_on_decoding_over_an_ice_restart_by_patch(tmp_path: Path) -> None:
    async with node_and_firefox(tmp_path) as (node, browser):
        tab = await playing_tab(node, browser, "member")
        async with publishing(node, codec="VP8"):
            before = await decodes(browser, tab, 30)
            assert await browser.evaluate(tab, f"restart({node.mint.mint('member')!r})") == 200
            after = await decodes(browser, tab, before["video"]["framesDecoded"] + 90)
            assert after["state"] == "connected"
            assert after["video"]["ssrc"] == before["video"]["ssrc"]
