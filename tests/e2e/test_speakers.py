"""Chromium's microphones: their packets tell how loud they are, the relay says who speaks and lets them be
heard."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.relay_pages import NEGOTIATE, PLAY, PUBLISH, open_page
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.media_node_live import live_node

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PATIENCE_S = 60
# The fake microphone beeps once a second; a gain of nothing makes one that is silent.
SPEAK = (
    NEGOTIATE
    + """
async function speak([url, token, gain]) {
  const microphone = await navigator.mediaDevices.getUserMedia(
    {audio: {autoGainControl: false, noiseSuppression: false, echoCancellation: false}});
  const context = new AudioContext();
  const volume = new GainNode(context, {gain});
  const out = context.createMediaStreamDestination();
  context.createMediaStreamSource(microphone).connect(volume).connect(out);
  const tone = new OscillatorNode(context, {frequency: 330});
  tone.connect(volume);
  tone.start();
  window.pc = new RTCPeerConnection();
  pc.addTransceiver(out.stream.getAudioTracks()[0], {direction: "sendonly"});
  await negotiate(pc, url, token);
}
"""
)
HEARD = """async () => {
  const found = {};
  for (const entry of (await pc.getStats()).values())
    if (entry.type === "inbound-rtp" && entry.kind === "audio") found[entry.mid] = entry.packetsReceived;
  return found;
}"""


async def test_those_who_speak_are_named_and_heard_and_the_silent_are_not(tmp_path: Path) -> None:
    async with live_node(tmp_path) as node, chromium(LOOPBACK_CANDIDATES) as browser:
        lecturer = await open_page(browser, node, PUBLISH)
        await lecturer.evaluate("publish", [f"{node.url}/whip/room", node.mint.mint("lecturer")])
        await node.next_event("publisher_live", participant="lecturer")
        for name, gain in (("silent1", 0), ("silent2", 0), ("loud1", 0.5), ("loud2", 0.5)):
            page = await open_page(browser, node, SPEAK)
            url = f"{node.url}/whip/room?source=microphone"
            await page.evaluate("speak", [url, node.mint.mint(name), gain])
        viewer = await open_page(browser, node, PLAY)
        kinds = ["video", "audio", "audio", "audio"]
        await viewer.evaluate("play", [f"{node.url}/whep/room", node.mint.mint("member"), kinds])

        position = 0
        told: dict[str, Any] = {}
        async with asyncio.timeout(PATIENCE_S):
            while not {"loud1", "loud2"} <= {entry["participant"] for entry in told.get("speaking", [])}:
                event = await node.next_event("speakers", after=position, timeout_s=PATIENCE_S)
                position, told = event["seq"], event["data"]
            speaking = {entry["publication_id"] for entry in told["speaking"]}
            assert not {"silent1", "silent2"} & {entry["participant"] for entry in told["speaking"]}
            while not {told["heard"]["A1"], told["heard"]["A2"]} <= speaking:
                event = await node.next_event("speakers", after=position, timeout_s=PATIENCE_S)
                position, told = event["seq"], event["data"]
            while len(heard := await viewer.evaluate(HEARD)) < 3 or min(heard.values()) < 50:
                await asyncio.sleep(0.5)
