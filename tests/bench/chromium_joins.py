"""Join to first frame in a real Chromium: one page publishes by WHIP, another joins by WHEP repeatedly."""

from tests.support.chromium import LOOPBACK_CANDIDATES, chromium

PUBLISH = """async ([url, token]) => {
  const media = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480, frameRate: 30}});
  window.pc = new RTCPeerConnection();
  for (const track of media.getTracks()) pc.addTransceiver(track, {direction: "sendonly", streams: [media]});
  await pc.setLocalDescription();
  const headers = {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`};
  const response = await fetch(url, {method: "POST", headers, body: pc.localDescription.sdp});
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  await pc.setRemoteDescription({type: "answer", sdp: answer});
}"""

# The clock runs from the offer to the first frame handed to the compositor.
JOIN = """async ([url, token]) => {
  const pc = new RTCPeerConnection();
  const video = document.createElement("video");
  video.autoplay = video.playsInline = video.muted = true;
  document.body.append(video);
  const started = performance.now();
  pc.ontrack = (event) => { video.srcObject ??= event.streams[0]; };
  const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  pc.addTransceiver("video", {direction: "recvonly"});
  await pc.setLocalDescription();
  const headers = {"Content-Type": "application/sdp", Authorization: `Bearer ${token}`};
  const response = await fetch(url, {method: "POST", headers, body: pc.localDescription.sdp});
  const answer = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${answer}`);
  const resource = new URL(response.headers.get("Location"), url);
  await pc.setRemoteDescription({type: "answer", sdp: answer});
  await shown;
  const elapsed = performance.now() - started;
  pc.close();
  video.remove();
  await fetch(resource, {method: "DELETE", headers: {Authorization: `Bearer ${token}`}});
  return elapsed;
}"""


async def join_times_ms(server_url: str, room: str, token: str, joins: int) -> list[float]:
    """Milliseconds from offer to first frame of `joins` joins, one after the other."""
    async with chromium(LOOPBACK_CANDIDATES) as browser:
        context = await browser.new_context(permissions=["camera"])
        publisher, player = await context.new_page(), await context.new_page()
        for page in (publisher, player):
            await page.goto(server_url)
        await publisher.evaluate(PUBLISH, [f"{server_url}/whip/{room}", token])
        watch = [f"{server_url}/whep/{room}", token]
        await player.evaluate(JOIN, watch)  # The first one waits for the publisher's handshake too.
        times = []
        for _ in range(joins):
            times.append(float(await player.evaluate(JOIN, watch)))
            # Longer than key-frame requests are coalesced, so that each join is a lone one.
            await player.wait_for_timeout(700)
        return times
