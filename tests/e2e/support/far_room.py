"""A room with a bad network in the middle: publisher and control viewer near the node, a browser far from it.

The control viewer watches the same publisher in the same seconds over a good network: what it loses, the
machine lost, not the network.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.e2e.support.relay_pages import PLAY, PUBLISH, STATS, frames_per_second, open_page, stats_when
from tests.support.chromium import EXECUTABLE, chromium
from tests.support.far_network import forwarded
from tests.support.impaired_link import NEAR_ADDRESS, NEAR_ADDRESS_6, ImpairedLink
from tests.support.media_node_live import LiveNode, live_node

ROOM = "room"
FPS_SHARE, FREEZE_SHARE, STRETCHES = 28 / 30, 0.01, 5


@dataclass(frozen=True)
class Seen:
    """What a viewer got in some seconds."""

    fps: float
    freeze_share: float
    packets_lost: int
    nack_count: int


class FarRoom:
    """The node, the link and a browser on each side."""

    def __init__(self, node: LiveNode, link: ImpairedLink, near: Browser, far: Browser, far_url: str) -> None:
        self.node, self.link, self._near, self._far, self.far_url = node, link, near, far, far_url

    async def publish(self, *, is_far: bool = False, room: str = ROOM) -> Page:
        """A page that publishes camera and sound."""
        page, url = await self._page(PUBLISH, is_far=is_far)
        token = self.node.mint.mint(f"lecturer-{room}", room)
        await page.evaluate("publish", [f"{url}/whip/{room}", token])
        return page

    async def watch(self, participant: str, *, is_far: bool, room: str = ROOM) -> Page:
        """A page that plays the room."""
        page, url = await self._page(PLAY, is_far=is_far)
        await page.evaluate("play", [f"{url}/whep/{room}", self.node.mint.mint(participant, room)])
        return page

    async def _page(self, script: str, *, is_far: bool) -> tuple[Page, str]:
        url = self.far_url if is_far else self.node.url
        browser = self._far if is_far else self._near
        return await open_page(browser, self.node, script, url=url), url


@asynccontextmanager
async def far_room(folder: Path, link: ImpairedLink, **settings: Any) -> AsyncIterator[FarRoom]:
    """Everything running, on a link that `link.entered()` has built."""
    address = NEAR_ADDRESS_6 if link.is_ipv6_only else NEAR_ADDRESS
    async with live_node(folder, **settings) as node:
        port = int(node.url.rpartition(":")[2])
        far_url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        async with (
            forwarded(address, port),
            chromium(executable=link.near_launcher(folder, EXECUTABLE)) as near,
            # Only a secure origin may use the camera.
            chromium(
                f"--unsafely-treat-insecure-origin-as-secure={far_url}",
                executable=link.far_launcher(folder, EXECUTABLE),
            ) as far,
        ):
            yield FarRoom(node, link, near, far, far_url)


async def plays(page: Page, fps: float = 5) -> dict[str, Any]:
    """Wait until pictures come; returns getStats."""
    return await stats_when(page, lambda before, now: frames_per_second(before, now) >= fps)


async def compare(seconds: float, *pages: Page) -> list[Seen]:
    """What each page got in the same seconds."""
    before = [await page.evaluate(STATS) for page in pages]
    await asyncio.sleep(seconds)
    after = [await page.evaluate(STATS) for page in pages]
    return [_seen(old, new) for old, new in zip(before, after, strict=True)]


async def keeps_up(control: Page, viewer: Page, *, seconds: float) -> None:
    """The viewer decodes 28 of the control's 30 pictures and stands still a hundredth of the time at most.

    What the machine does to one of two browsers comes and goes; what a network does stays. So one of a few
    stretches has to be good, not the first.
    """
    found: list[list[Seen]] = []
    for _ in range(STRETCHES):
        good, seen = await compare(seconds, control, viewer)
        found.append([good, seen])
        is_moving = seen.fps >= FPS_SHARE * good.fps > 0
        if is_moving and seen.freeze_share - good.freeze_share <= FREEZE_SHARE:
            return
    raise AssertionError(f"control and viewer: {found}")


def _seen(before: dict[str, Any], now: dict[str, Any]) -> Seen:
    elapsed_s = (now["at"] - before["at"]) / 1000

    def grown(name: str) -> float:
        return float(now.get("video", {}).get(name, 0) - before.get("video", {}).get(name, 0))

    return Seen(
        fps=round(grown("framesDecoded") / elapsed_s, 2),
        freeze_share=round(grown("totalFreezesDuration") / elapsed_s, 4),
        packets_lost=int(grown("packetsLost")),
        nack_count=int(grown("nackCount")),
    )
