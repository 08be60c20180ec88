"""A person in a real browser: signing in through the page, and what their connections and player do."""

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page

from tests.support.installation import Installation

SCREENSHOTS = Path(__file__).resolve().parents[3] / "build" / "screenshots" / "journey"

#: Keeps every peer connection the page makes within reach of the test.
_KEEP_PEER_CONNECTIONS = """
(() => {
  const Native = window.RTCPeerConnection
  window.peerConnections = []
  window.RTCPeerConnection = class extends Native {
    constructor(...options) { super(...options); window.peerConnections.push(this) }
  }
})()
"""
_INBOUND = """
async () => {
  const found = {}
  for (const connection of window.peerConnections) {
    if (connection.connectionState !== 'connected') continue
    const stats = await connection.getStats()
    for (const one of stats.values()) {
      if (one.type === 'inbound-rtp') {
        found[one.kind] = {
          codec: stats.get(one.codecId)?.mimeType,
          frames: one.framesDecoded ?? 0,
          energy: one.totalAudioEnergy ?? 0,
        }
      }
      if (one.type === 'transport') found.transport = { dtls: one.tlsVersion, srtp: one.srtpCipher }
    }
  }
  return found
}
"""
_REPLAY_MOVES = """
() => {
  const video = document.querySelector('video')
  return video !== null && video.srcObject === null && video.currentTime > 0.3 && video.videoWidth > 0
}
"""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
    "device_scale_factor": 2,
}


class InTheRoom:
    """One signed-in person with one page."""

    def __init__(
        self, installation: Installation, person_no: str, context: BrowserContext, page: Page
    ) -> None:
        self.installation = installation
        self.person_no = person_no
        self.context = context
        self.page = page
        self.page_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    @classmethod
    async def arrive(
        cls, browser: Browser, installation: Installation, person_no: str, device: dict[str, Any]
    ) -> "InTheRoom":
        """Opens a browser profile of their own and signs in through the page."""
        context = await browser.new_context(**device, locale="zh-CN", timezone_id="Asia/Shanghai")
        await context.add_init_script(_KEEP_PEER_CONNECTIONS)
        page = await context.new_page()
        person = cls(installation, person_no, context, page)
        await page.goto(f"{installation.server.url}/sign-in")
        await page.get_by_label("工号或学号").fill(person_no)
        await page.get_by_label("密码", exact=True).fill(installation.passwords[person_no])
        await page.get_by_role("button", name="登录").click()
        await page.wait_for_url(f"{installation.server.url}/")
        return person

    async def open(self, path: str) -> None:
        """Goes to a page of the installation."""
        await self.page.goto(self.installation.server.url + path)

    async def inbound(self) -> dict[str, Any]:
        """What is received now: `video {codec, frames}`, `audio {energy}`, `transport {dtls, srtp}`."""
        found: dict[str, Any] = await self.page.evaluate(_INBOUND)
        return found

    async def frames_per_second(self, seconds: float = 4.0) -> float:
        """Decoded frames per second over the next seconds."""
        before = (await self.inbound())["video"]["frames"]
        await self.page.wait_for_timeout(seconds * 1000)
        return float((await self.inbound())["video"]["frames"] - before) / seconds

    async def sees_live_picture(self, *, timeout_s: float = 60) -> None:
        """Waits until frames arrive on a connection and are decoded."""
        for _ in range(int(timeout_s * 2)):
            video = (await self.inbound()).get("video")
            if video is not None and video["frames"] > 5:
                return
            await self.page.wait_for_timeout(500)
        raise AssertionError(f"{self.person_no} sees no picture")

    async def sees_replay(self, *, timeout_s: float = 60) -> None:
        """Waits until the replay plays in the page."""
        await self.page.wait_for_function(_REPLAY_MOVES, timeout=timeout_s * 1000)

    async def picture(self, name: str) -> None:
        """Writes build/screenshots/journey/{name}.png."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    async def leave(self) -> None:
        """Closes the browser profile, as closing the tab does."""
        await self.context.close()
