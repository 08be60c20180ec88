"""A lecturer behind a bad network: what is lost is repaired on the way to the relay, and a narrow uplink is
told to the browser instead of filling up."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.support.far_room import FarRoom, compare, far_room, plays
from tests.support.impaired_link import ImpairedLink
from tests.support.link_process import Conditions

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

NARROW_BPS = 350_000
OPEN_BPS = 2_500_000
PATIENCE_S = 60


async def publisher_estimate(room: FarRoom, holds: Callable[[int], bool]) -> int:
    """Wait until what the relay allows its only publisher is so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status = await room.node.control("GET", "/status")
            publishers = [
                entry for entry in status["engine"]["sessions"].values() if entry["packets_out"] == 0
            ]
            found = [entry["estimate_bps"] for entry in publishers if entry["estimate_bps"] is not None]
            if found and holds(found[0]):
                return int(found[0])
            await asyncio.sleep(0.25)


async def test_what_a_publisher_loses_is_repaired_before_viewers_see_it(tmp_path: Path) -> None:
    with (link := ImpairedLink()).entered():
        async with far_room(tmp_path, link) as room:
            await room.publish(is_far=True)
            viewer = await room.watch("near", is_far=False)
            await plays(viewer)
            good = (await compare(10, viewer))[0]
            link.become(Conditions(loss=0.05, delay_ms=20))
            await asyncio.sleep(3)
            seen = (await compare(15, viewer))[0]
            status = await room.node.control("GET", "/status")
            assert any(entry["lost"] > 0 for entry in status["engine"]["publications"].values())
            assert seen.fps >= 0.9 * good.fps, (good, seen)
            assert seen.freeze_share - good.freeze_share <= 0.02, (good, seen)


async def test_a_narrow_uplink_is_told_and_forgotten_when_it_opens(tmp_path: Path) -> None:
    with (link := ImpairedLink()).entered():
        async with far_room(tmp_path, link) as room:
            await room.publish(is_far=True)
            viewer = await room.watch("near", is_far=False)
            await plays(viewer)
            await publisher_estimate(room, lambda bps: bps == OPEN_BPS)
            link.become(Conditions(rate_bps=NARROW_BPS, delay_ms=20))
            await publisher_estimate(room, lambda bps: bps < 1.3 * NARROW_BPS)
            await plays(viewer)
            link.become(Conditions(delay_ms=20))
            await publisher_estimate(room, lambda bps: bps > 1.6 * NARROW_BPS)
