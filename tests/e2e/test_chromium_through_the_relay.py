"""Real Chromium publishes by WHIP, another page plays by WHEP, through the native engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.e2e.support.relay_pages import (
    PLAY,
    PUBLISH,
    RESTART,
    SHARE,
    STATS,
    frames_per_second,
    open_page,
    stats_when,
)
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.media_node_live import LiveNode, live_node

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

WIDE = 1.55  # Between the camera's 4:3 and the screen's 16:9, however much a busy encoder scales.


def shape(now: dict[str, Any]) -> float:
    width, height = now["size"]
    return float(width / height)


@asynccontextmanager
async def one_to_one(node: LiveNode, *flags: str) -> AsyncIterator[tuple[Page, Page]]:
    async with chromium(*flags) as browser:
        publisher = await open_page(browser, node, PUBLISH)
        await publisher.evaluate("publish", [f"{node.url}/whip/room", node.mint.mint("lecturer")])
        player = await open_page(browser, node, PLAY)
        await player.evaluate("play", [f"{node.url}/whep/room", node.mint.mint("member")])
        yield publisher, player


async def test_page_plays_h264_and_sound_at_20_fps_over_dtls_1_2_and_gcm(tmp_path: Path) -> None:
    async with live_node(tmp_path) as node, one_to_one(node, LOOPBACK_CANDIDATES) as (publisher, player):
        now = await stats_when(player, lambda before, now: frames_per_second(before, now) >= 20)
        assert "video/H264" in now["codecs"]
        assert min(now["size"]) >= 180
        heard = await stats_when(player, lambda _, now: now.get("audio", {}).get("totalAudioEnergy", 0) > 0)
        assert heard["audio"]["totalSamplesReceived"] > 0
        for page in (publisher, player):
            transport = (await page.evaluate(STATS))["transport"]
            assert transport["dtlsState"] == "connected"
            assert transport["tlsVersion"] == "FEFD"
            assert transport["srtpCipher"] in ("AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM")
            assert transport["dtlsRole"] == "client"
        assert await player.evaluate("streams") == {"video": ["V0"], "audio": ["V0"]}
        assert (await node.control("GET", "/rooms/room"))["codec"] == "H264"
        dropped = (await node.control("GET", "/status"))["engine"]["dropped"]
        assert (dropped["stun_excess"], dropped["dtls_excess"]) == (0, 0), "limits cost a browser nothing"


async def test_pages_connect_without_the_flag_that_allows_loopback_candidates(tmp_path: Path) -> None:
    async with live_node(tmp_path) as node, one_to_one(node) as (_, player):
        now = await stats_when(player, lambda before, now: frames_per_second(before, now) >= 5)
        assert now["transport"]["dtlsState"] == "connected"


async def sessions_and_packets(node: LiveNode) -> tuple[set[str], dict[str, int]]:
    """The sessions of the room, and what the engine has sent to each of its own."""
    room, status = await node.control("GET", "/rooms/room"), await node.control("GET", "/status")
    sent = {number: entry["packets_out"] for number, entry in status["engine"]["sessions"].items()}
    return {entry["session_id"] for entry in room["sessions"]}, sent


async def test_ice_restart_by_patch_keeps_picture_subscription_slots_and_counters(tmp_path: Path) -> None:
    async with live_node(tmp_path) as node, one_to_one(node, LOOPBACK_CANDIDATES) as (_, player):
        before = await stats_when(player, lambda before, now: frames_per_second(before, now) >= 5)
        sessions, sent = await sessions_and_packets(node)
        assert await player.evaluate(RESTART, node.mint.mint("member")) == [200, True]
        after = await stats_when(
            player,
            lambda old, now: now["pair"]["id"] != before["pair"]["id"] and frames_per_second(old, now) >= 5,
        )
        assert after["transport"]["dtlsState"] == "connected"
        assert after["video"]["ssrc"] == before["video"]["ssrc"]
        assert after["video"]["packetsReceived"] > before["video"]["packetsReceived"]
        still, more = await sessions_and_packets(node)
        assert still == sessions
        assert more.keys() == sent.keys()
        assert all(more[number] >= sent[number] for number in sent)
        assert sum(more.values()) > sum(sent.values())


async def test_program_switches_to_the_screen_and_back(tmp_path: Path) -> None:
    async with live_node(tmp_path) as node, one_to_one(node, LOOPBACK_CANDIDATES) as (publisher, player):
        camera = await stats_when(player, lambda before, now: frames_per_second(before, now) >= 5)
        assert shape(camera) < WIDE
        screen = await open_page(publisher.context.browser, node, SHARE)
        token = node.mint.mint("lecturer")
        await screen.evaluate("share", [f"{node.url}/whip/room?source=screen", token])
        during = await stats_when(
            player,
            lambda old, now: shape(now) > WIDE and frames_per_second(old, now) >= 5,
        )
        assert during["video"]["ssrc"] == camera["video"]["ssrc"]
        await screen.evaluate("pc.close()")
        after = await stats_when(
            player,
            lambda old, now: shape(now) < WIDE and frames_per_second(old, now) >= 5,
        )
        assert after["video"]["ssrc"] == camera["video"]["ssrc"]
        assert after["audio"]["packetsReceived"] > camera["audio"]["packetsReceived"]


async def test_player_with_more_slots_sees_screen_and_camera_side_by_side(tmp_path: Path) -> None:
    async with live_node(tmp_path) as node, chromium(LOOPBACK_CANDIDATES) as browser:
        player = await open_page(browser, node, PLAY)
        kinds = ["video", "video", "video", "audio"]
        await player.evaluate("play", [f"{node.url}/whep/room", node.mint.mint("member"), kinds])
        assert await player.evaluate("streams") == {"video": ["V0", "V1", "V2"], "audio": ["V0"]}
        publisher = await open_page(browser, node, PUBLISH)
        await publisher.evaluate("publish", [f"{node.url}/whip/room", node.mint.mint("lecturer")])
        screen = await open_page(browser, node, SHARE)
        await screen.evaluate("share", [f"{node.url}/whip/room?source=screen", node.mint.mint("lecturer")])

        def wide_wide_narrow(before: dict[str, Any], now: dict[str, Any]) -> bool:
            pairs = [
                (before.get("decoded", {}).get(mid, [0]), now.get("decoded", {}).get(mid, [0]))
                for mid in "012"
            ]
            if not all(new[0] > old[0] for old, new in pairs):
                return False
            return [new[1] > WIDE for _, new in pairs] == [True, True, False]

        await stats_when(player, wide_wide_narrow)


async def test_closed_page_ends_its_session(tmp_path: Path) -> None:
    async with live_node(tmp_path) as node, one_to_one(node, LOOPBACK_CANDIDATES) as (publisher, _):
        await node.next_event("publisher_live")
        await publisher.evaluate("pc.close()")
        gone = await node.next_event("publisher_gone")
        assert gone["data"] == {"source": "camera", "cause": "dtls_closed"}
