"""A member's network goes away, silently and then with its cable, and comes back."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.support.in_the_room import DESKTOP, InTheRoom
from tests.e2e.support.lecture import record_of, write_figures
from tests.support.aiortc_peers import publishing, use_loopback
from tests.support.chromium import EXECUTABLE, chromium
from tests.support.far_network import SERVER_ADDRESS, FarNetwork, forwarded
from tests.support.granted_media import granted
from tests.support.installation import Installation
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LECTURER, MEMBER = "DEMO0011", "DEMO0015"
#: Within the grace of a beat (20 s, joints.md §8), and longer: of the second, silence is left to bridge.
AWAY_S, LONG_AWAY_S = 8.0, 27.0
#: joints.md §5.
BACK_WITHIN_S = 3.0
BRIDGED_AT_MOST_MS = 30_000
_NOTE_EVERY_FRAME = """
() => {
  window.frameTimes = []
  const follow = () => {
    const video = document.querySelector('video')
    if (!video) return setTimeout(follow, 50)
    video.requestVideoFrameCallback(() => { window.frameTimes.push(Date.now()); follow() })
  }
  follow()
}
"""


async def test_picture_is_back_in_three_seconds_and_the_silence_is_bridged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    network = FarNetwork()
    figures: dict[str, Any] = {}
    with network.entered(), RunningServer(tmp_path / "data") as server:
        installation = Installation(server)
        gathering = installation.schedule(LECTURER)
        server_url, server.url = server.url, f"http://{SERVER_ADDRESS}:{server.http_port}"
        far_browser = str(network.launcher(tmp_path, EXECUTABLE))
        async with (
            forwarded(SERVER_ADDRESS, server.http_port),
            chromium(executable=far_browser) as browser,
            httpx.AsyncClient(
                base_url=server_url, headers={"Origin": server_url}, trust_env=False
            ) as lecturer,
        ):
            body = {"person_no": LECTURER, "password": installation.passwords[LECTURER]}
            (await lecturer.post("/api/sign-in", json=body)).raise_for_status()
            (await lecturer.post(f"/api/gatherings/{gathering['id']}/start")).raise_for_status()
            node = await granted(lecturer, gathering["id"], "publish")
            async with publishing(node, room=gathering["id"]):
                member = await InTheRoom.arrive(browser, installation, MEMBER, DESKTOP)
                await member.open(f"/gatherings/{gathering['id']}")
                await member.sees_live_picture()
                await member.page.get_by_text("正在计时").first.wait_for()
                await member.page.evaluate(_NOTE_EVERY_FRAME)
                await member.page.wait_for_timeout(3000)

                network.lose_silently()
                await stays_dark(member, AWAY_S)
                network.find_again()
                figures["back_after_silence_s"] = await back_after(member)

                await member.page.wait_for_timeout(5000)
                network.unplug()
                await stays_dark(member, LONG_AWAY_S)
                network.plug()
                figures["back_after_unplugged_s"] = await back_after(member)

                await member.page.wait_for_timeout(5000)
                (await lecturer.post(f"/api/gatherings/{gathering['id']}/end")).raise_for_status()
                await member.sees_replay()
                assert member.page_errors == []
        server.url = server_url
        record = record_of(installation, MEMBER, gathering["id"])
    write_figures("network_loss", figures | {"coverage": record["coverage"]})
    assert figures["back_after_silence_s"] <= BACK_WITHIN_S, figures
    assert figures["back_after_unplugged_s"] <= BACK_WITHIN_S, figures
    assert record["attendance_status"] == "present"
    # The short outage lies within the grace; of the long one the rest is bridged. No minute is lost.
    spans = record["coverage"]["spans"]
    assert [span["kind"] for span in spans] == ["live", "bridged", "live"], spans
    assert 1_000 <= spans[1]["end_ms"] - spans[1]["start_ms"] <= BRIDGED_AT_MOST_MS
    assert [one["end_ms"] for one in spans[:2]] == [one["start_ms"] for one in spans[1:]]


async def stays_dark(member: InTheRoom, seconds: float) -> None:
    """Waits the outage through and proves that it was one."""
    await member.page.wait_for_timeout(seconds * 1000)
    last: int = await member.page.evaluate("() => window.frameTimes.at(-1)")
    assert time.time() - last / 1000 >= seconds - 2, "the picture went on"


async def back_after(member: InTheRoom) -> float:
    """Seconds from now to the next picture on the screen."""
    returned_ms = time.time() * 1000
    found = await member.page.wait_for_function(
        "(returned) => window.frameTimes.find((at) => at > returned)", arg=returned_ms, timeout=60_000
    )
    return float(await found.json_value() - returned_ms) / 1000
