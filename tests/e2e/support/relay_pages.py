"""Bare pages that publish by WHIP and play by WHEP, without the web client: scripts, and what getStats says.

Who uses it: tests of the relay itself. Journeys through the real pages are `in_the_room`.
"""

import asyncio
from typing import Any

from playwright.async_api import Page

from tests.support.media_node_live import LiveNode

WAIT_S = 60.0

NEGOTIATE = """
async function negotiate(pc, url, token) {
  await pc.setLocalDescription();
  const response = await fetch(url, {
    method: "POST",
    headers: {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`},
    body: pc.localDescription.sdp,
  });
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  await pc.setRemoteDescription({type: "answer", sdp: answer});
  window.location_of_session = response.headers.get("Location");
  window.etag = response.headers.get("ETag");
}
"""
PUBLISH = (
    NEGOTIATE
    + """
async function publish([url, token]) {
  const media = await navigator.mediaDevices.getUserMedia(
    {audio: true, video: {width: 640, height: 480, frameRate: 30}});
  window.pc = new RTCPeerConnection();
  for (const track of media.getTracks())
    pc.addTransceiver(track, {direction: "sendonly", streams: [media]});
  await negotiate(pc, url, token);
}
"""
)
SHARE = (
    NEGOTIATE
    + """
async function share([url, token]) {
  const canvas = document.createElement("canvas");
  canvas.width = 960; canvas.height = 540;
  const context = canvas.getContext("2d");
  let count = 0;
  setInterval(() => {
    context.fillStyle = `hsl(${count++ * 7 % 360} 80% 50%)`;
    context.fillRect(0, 0, 960, 540);
  }, 40);
  window.pc = new RTCPeerConnection();
  pc.addTransceiver(canvas.captureStream(25).getVideoTracks()[0], {direction: "sendonly"});
  await negotiate(pc, url, token);
}
"""
)
PLAY = (
    NEGOTIATE
    + """
async function play([url, token, kinds]) {
  window.pc = new RTCPeerConnection();
  window.video = document.createElement("video");
  video.autoplay = video.playsInline = true;
  document.body.append(video);
  window.streams = {};
  pc.ontrack = (event) => {
    (streams[event.track.kind] ??= []).push(...event.streams.map((stream) => stream.id));
    video.srcObject ??= event.streams[0];
  };
  for (const kind of kinds ?? ["video", "audio"]) pc.addTransceiver(kind, {direction: "recvonly"});
  await negotiate(pc, url, token);
}
"""
)
STATS = """async () => {
  const found = {};
  for (const entry of (await pc.getStats()).values()) {
    if (entry.type === "inbound-rtp" || entry.type === "outbound-rtp") found[entry.kind] = entry;
    if (entry.type === "inbound-rtp" && entry.kind === "video")
      (found.decoded ??= {})[entry.mid] = [entry.framesDecoded, entry.frameWidth / entry.frameHeight];
    if (entry.type === "transport") found.transport = entry;
    if (entry.type === "codec") (found.codecs ??= []).push(entry.mimeType);
  }
  for (const entry of (await pc.getStats()).values())
    if (entry.id === found.transport?.selectedCandidatePairId) found.pair = entry;
  const all = await pc.getStats();
  found.local = all.get(found.pair?.localCandidateId);
  found.remote = all.get(found.pair?.remoteCandidateId);
  found.size = [window.video?.videoWidth, window.video?.videoHeight];
  found.at = performance.now();
  return found;
}"""
RESTART = """async (token) => {
  pc.restartIce();
  await pc.setLocalDescription(await pc.createOffer());
  const value = (name) => pc.localDescription.sdp.match(new RegExp(`a=${name}:(\\\\S+)`))[0];
  const response = await fetch(location_of_session, {
    method: "PATCH",
    headers: {
      "Content-Type": "application/trickle-ice-sdpfrag",
      "If-Match": "*",
      Authorization: `Bearer ${token}`,
    },
    body: `${value("ice-ufrag")}\\r\\n${value("ice-pwd")}\\r\\n`,
  });
  const fragment = await response.text();
  const renewed = (name) => fragment.match(new RegExp(`a=${name}:(\\\\S+)`))[0];
  const sdp = pc.remoteDescription.sdp
    .replace(/a=ice-ufrag:\\S+/g, renewed("ice-ufrag"))
    .replace(/a=ice-pwd:\\S+/g, renewed("ice-pwd"));
  await pc.setRemoteDescription({type: "answer", sdp});
  return [response.status, response.headers.get("ETag") !== etag];
}"""


async def open_page(browser: Any, node: LiveNode, script: str, *, url: str | None = None) -> Page:
    """A page of the node's own origin, seen from where the browser is (`url`), with a script."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    page: Page = await context.new_page()
    await page.goto(url or node.url)
    await page.add_script_tag(content=script)
    return page


async def stats_when(page: Page, reached: Any) -> dict[str, Any]:
    """Poll getStats until `reached(before, now)` for two polls at least one second apart."""
    async with asyncio.timeout(WAIT_S):
        before = await page.evaluate(STATS)
        while True:
            await asyncio.sleep(1.0)
            now: dict[str, Any] = await page.evaluate(STATS)
            if reached(before, now):
                return now
            before = now


def frames_per_second(before: dict[str, Any], now: dict[str, Any]) -> float:
    """Pictures decoded a second between two getStats."""
    decoded = [entry.get("video", {}).get("framesDecoded", 0) for entry in (before, now)]
    return (decoded[1] - decoded[0]) * 1000 / (now["at"] - before["at"])
