"""The studio publishes simulcast: three layers of a camera leave Chromium, the relay takes them for one
publication, a member sees the largest, and what nobody watches is not encoded any more."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support.in_the_room import DESKTOP, InTheRoom
from tests.e2e.support.lecture import go_live
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.installation import Installation
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LECTURER, MEMBER = "DEMO0011", "DEMO0015"
_LAYERS = """
async () => {
  const found = {}
  for (const connection of window.peerConnections) {
    for (const one of (await connection.getStats()).values()) {
      if (one.type === 'outbound-rtp' && one.kind === 'video') {
        found[one.rid] = { width: one.frameWidth ?? 0, frames: one.framesEncoded ?? 0, active: one.active }
      }
    }
  }
  return found
}
"""
_WIDTH = "() => document.querySelector('video').videoWidth"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


async def layers_sent(lecturer: InTheRoom) -> dict[str, Any]:
    """Once every layer has left: width and frames by rid."""
    for _ in range(120):
        found: dict[str, Any] = await lecturer.page.evaluate(_LAYERS)
        if len(found) == 3 and all(layer["frames"] > 0 for layer in found.values()):
            return found
        await lecturer.page.wait_for_timeout(500)
    raise AssertionError(f"not all layers are sent: {found}")


async def layers_are(lecturer: InTheRoom, **active: bool) -> None:
    """Once just these are encoded."""
    found: dict[str, Any] = {}
    for _ in range(120):
        found = await lecturer.page.evaluate(_LAYERS)
        if {rid: layer["active"] for rid, layer in found.items()} == active:
            return
        await lecturer.page.wait_for_timeout(500)
    raise AssertionError(f"other layers are sent: {found}")


async def test_camera_leaves_in_three_layers_and_the_largest_is_watched(server: RunningServer) -> None:
    installation = Installation(server)
    gathering_id = installation.schedule(LECTURER)["id"]
    async with chromium(LOOPBACK_CANDIDATES) as browser:
        lecturer = await InTheRoom.arrive(browser, installation, LECTURER, DESKTOP)
        await go_live(lecturer, f"/gatherings/{gathering_id}")
        sent = await layers_sent(lecturer)
        assert sent["l"]["width"] < sent["m"]["width"] < sent["h"]["width"]
        member = await InTheRoom.arrive(browser, installation, MEMBER, DESKTOP)
        await member.open(f"/gatherings/{gathering_id}")
        await member.sees_live_picture()
        await member.page.wait_for_function(f"() => ({_WIDTH})() === {sent['h']['width']}", timeout=60_000)
        with closing(installation.signed_in(LECTURER)) as api:
            report = api.get(f"/api/gatherings/{gathering_id}/studio").json()
        assert [one["kind"] for one in report["publications"]].count("video") == 1
        # Member, mirror and recorder watch the largest; the smallest is kept for whoever comes next.
        await layers_are(lecturer, l=True, m=False, h=True)
        await member.sees_live_picture()
        assert [*lecturer.page_errors, *member.page_errors] == []
