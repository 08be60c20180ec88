"""Real Chromium's H264 and Opus through the native engine into a recording, killed once, decoded by PyAV."""

import asyncio
import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from recordings.playlist import media_playlist
from recordings.settings import RecordingsSettings
from recordings.supervisor import Supervisor
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.media_node_live import live_node
from tests.support.recording_checks import decode, read_catalogue, read_playlist

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

EVERY_S = 2.5
PUBLISH = """async ([url, token]) => {
  const context = new AudioContext({sampleRate: 48000});
  const destination = context.createMediaStreamDestination();
  const tone = context.createOscillator(), gain = context.createGain();
  gain.gain.value = 0;
  tone.frequency.value = 1000;
  tone.connect(gain).connect(destination);
  tone.start();
  const start = context.currentTime + 1;
  for (let i = 0; i < 60; i++) {
    gain.gain.setValueAtTime(0.9, start + i * 2.5);
    gain.gain.setValueAtTime(0, start + i * 2.5 + 0.2);
  }
  const canvas = document.createElement("canvas");
  canvas.width = 640; canvas.height = 360;
  const paint = canvas.getContext("2d");
  let count = 0;
  setInterval(() => {
    const at = context.currentTime - start, isOn = at >= 0 && at % 2.5 < 0.2;
    paint.fillStyle = isOn ? "white" : "#202020";
    paint.fillRect(0, 0, 640, 360);
    paint.fillStyle = "#808080";
    paint.fillRect(count++ * 5 % 640, 0, 20, 40);
  }, 25);
  window.pc = new RTCPeerConnection();
  const tracks = [...canvas.captureStream(30).getVideoTracks(), ...destination.stream.getAudioTracks()];
  for (const track of tracks) pc.addTransceiver(track, {direction: "sendonly"});
  await pc.setLocalDescription();
  const response = await fetch(url, {
    method: "POST",
    headers: {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`},
    body: pc.localDescription.sdp,
  });
  if (response.status !== 201) throw new Error(await response.text());
  const connected = new Promise(resolve => {
    pc.onconnectionstatechange = () => pc.connectionState === "connected" && resolve(performance.now());
  });
  await pc.setRemoteDescription({type: "answer", sdp: await response.text()});
  const since = await connected;
  const framesSent = async () => [...(await pc.getStats()).values()].find(
    (stat) => stat.type === "outbound-rtp" && stat.kind === "video",
  )?.framesSent;
  while (!(await framesSent())) await new Promise(resolve => setTimeout(resolve, 20));
  return (performance.now() - since) / 1000;
}"""


async def test_page_is_recorded_with_lip_sync_over_a_killed_recorder(tmp_path: Path) -> None:
    supervisor = Supervisor(RecordingsSettings(data_dir=tmp_path, recorder_restart_s=0.1, disk_reserve_mib=0))
    directory = supervisor.directory("rec-1")
    async with live_node(tmp_path) as node, chromium(LOOPBACK_CANDIDATES) as browser:
        feed_socket = str(tmp_path / "media" / "feed.sock")
        await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": "H264"})
        await supervisor.start("rec-1", "room", feed_socket)
        page = await browser.new_page()
        await page.goto(node.url)
        first_picture_s = await page.evaluate(PUBLISH, [f"{node.url}/whip/room", node.mint.mint("lecturer")])
        await recorded(directory, 8_000)
        child = supervisor.child("rec-1")
        assert child
        assert child.pid
        os.kill(child.pid, signal.SIGKILL)
        await recorded(directory, 20_000)
        await node.control("PUT", "/rooms/room", json={"recording_id": None})
        async with asyncio.timeout(10):
            while child.status["state"] != "finished":
                await asyncio.sleep(0.05)
    await supervisor.close()
    catalogue = read_catalogue(directory)
    assert child.restarts == 1
    assert len(catalogue.pieces) == 1, "a killed recorder loses nothing"
    assert catalogue.warnings == []
    # The only slate that may be is for pictures that the page itself began to send late.
    begin = int(first_picture_s > 1)
    assert not any(segment.is_slate for segment in catalogue.renditions["V0"][begin:])
    segments = read_playlist(media_playlist(catalogue, "V0"))
    played = [decode(directory, segment.init, [segment.file]) for segment in segments]
    frames = [at for found in played[begin:] for at in found.frames]
    assert len(frames) / frames[-1] > 10
    assert max(b - a for a, b in pairwise(frames)) < 1.1
    flashes = [at for found in played for at in found.flashes]
    bursts = [at for found in played for at in found.bursts]
    apart = [min((burst - flash for burst in bursts), key=abs) for flash in flashes]
    assert len(apart) >= 6
    # The page itself paints up to 25 ms late, and a busy machine some more.
    assert sorted(map(abs, apart))[len(apart) // 2] < 0.080, apart


async def recorded(directory: Path, duration_ms: int) -> None:
    async with asyncio.timeout(60):
        while not directory.exists() or read_catalogue(directory).duration_ms < duration_ms:
            await asyncio.sleep(0.1)
