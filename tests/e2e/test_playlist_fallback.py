"""Members without WebRTC, or without UDP, watch the growing playlist, and are counted all the same."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.e2e.support.in_the_room import DESKTOP, InTheRoom
from tests.e2e.support.lecture import end_lecture, go_live, record_of, write_figures
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.installation import Installation
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LECTURER, WITHOUT_WEBRTC, WITHOUT_UDP = "DEMO0011", "DEMO0015", "DEMO0019"
_NO_WEBRTC = "delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection"
#: Candidates that nobody answers, as behind a firewall that drops UDP.
_NO_UDP = """
(() => {
  const set = RTCPeerConnection.prototype.setRemoteDescription
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp.replace(/a=candidate.*\\r\\n/g, '')
    return set.call(this, { type: description.type, sdp })
  }
})()
"""
_PLAYLIST_MOVES = """
([seen]) => {
  const video = document.querySelector('video')
  const moves = video && video.srcObject === null && video.videoWidth > 0 && video.currentTime > seen + 1
  return moves ? video.currentTime : false
}
"""


async def test_the_playlist_is_shown_and_counted_where_webrtc_is_missing_or_blocked(tmp_path: Path) -> None:
    figures: dict[str, float] = {}
    with RunningServer(tmp_path / "data") as server:
        installation = Installation(server)
        gathering = installation.schedule(LECTURER)
        page = f"/gatherings/{gathering['id']}"
        async with chromium(LOOPBACK_CANDIDATES) as browser:
            lecturer = await InTheRoom.arrive(browser, installation, LECTURER, DESKTOP)
            without_webrtc = await InTheRoom.arrive(browser, installation, WITHOUT_WEBRTC, DESKTOP)
            await without_webrtc.context.add_init_script(_NO_WEBRTC)
            without_udp = await InTheRoom.arrive(browser, installation, WITHOUT_UDP, DESKTOP)
            await without_udp.context.add_init_script(_NO_UDP)
            # One waits at the door, the other comes in the middle.
            await without_webrtc.open(page)
            await without_webrtc.page.get_by_text("讲师还没有开始").wait_for()
            await go_live(lecturer, page)
            started = time.monotonic()
            await playlist_moves(without_webrtc)
            figures["shown_without_webrtc_s"] = time.monotonic() - started
            opened = time.monotonic()
            await without_udp.open(page)
            await playlist_moves(without_udp)
            figures["shown_without_udp_s"] = time.monotonic() - opened
            for member in (without_webrtc, without_udp):
                await member.page.get_by_text("正在计时").first.wait_for()
            assert await without_webrtc.page.evaluate("typeof RTCPeerConnection") == "undefined"
            await without_webrtc.picture("live-playlist-1440")

            await comes_back_after_a_restart(server, lecturer, without_webrtc, without_udp)

            await end_lecture(lecturer)
            await without_webrtc.sees_replay()
            await without_udp.sees_replay()
            assert [without_webrtc.page_errors, without_udp.page_errors] == [[], []]
        for number in (WITHOUT_WEBRTC, WITHOUT_UDP):
            record = record_of(installation, number, gathering["id"])
            assert record["coverage"]["live_ms"] > 0, record
        assert record_of(installation, WITHOUT_WEBRTC, gathering["id"])["attendance_status"] == "present"
    write_figures("playlist_fallback", figures)


async def playlist_moves(member: InTheRoom, *, after_s: float = 0) -> None:
    """The picture comes from the playlist and runs for a second and more."""
    at = await member.page.wait_for_function(_PLAYLIST_MOVES, arg=[after_s], timeout=60_000)
    await member.page.wait_for_function(_PLAYLIST_MOVES, arg=[await at.json_value()], timeout=30_000)


async def comes_back_after_a_restart(server: RunningServer, lecturer: InTheRoom, *members: InTheRoom) -> None:
    """The playlist goes on by itself with what is recorded after a restart of the server."""
    server.kill()
    await asyncio.sleep(10)
    await asyncio.to_thread(server.start)
    await lecturer.page.get_by_text("直播中").first.wait_for()
    for member in members:
        ended_at: float = await member.page.evaluate("document.querySelector('video').currentTime")
        await playlist_moves(member, after_s=ended_at)
        await member.page.get_by_text("正在计时").first.wait_for()
