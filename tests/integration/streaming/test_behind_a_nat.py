"""aiortc behind a NAT that loses packets and gives it a new address: an agent that nominates only once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.aiortc_peers import playing, publishing, use_loopback
from tests.support.lossy_nat import LossyNat, lossy_nat
from tests.support.media_node_live import LiveNode, live_node

#: What peers are told instead of the node's own address.
OUTSIDE = "127.0.0.9"


@asynccontextmanager
async def node_behind_nat(tmp_path: Path, seed: int) -> AsyncIterator[tuple[LiveNode, LossyNat]]:
    async with live_node(
        tmp_path, media_addresses="127.0.0.1", media_public_addresses=f"{OUTSIDE}=127.0.0.1"
    ) as node:
        _, port = node.node.services.announced[0]
        async with lossy_nat((OUTSIDE, port), ("127.0.0.1", port), seed=seed) as nat:
            yield node, nat


async def sessions(node: LiveNode) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = (await node.control("GET", "/status"))["engine"]["sessions"]
    return found


@pytest.mark.parametrize("seed", [1, 2])
async def test_five_percent_loss_in_both_directions_is_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    use_loopback(monkeypatch)
    async with (
        node_behind_nat(tmp_path, seed) as (node, nat),
        publishing(node),
        playing(node) as player,
    ):
        nat.loss = 0.05
        await asyncio.gather(player.frames("video", 90), player.frames("audio", 100))
        assert nat.lost > 10
        assert any(entry["nack"] > 0 and entry["rtx"] > 0 for entry in (await sessions(node)).values())


async def test_media_goes_on_after_the_first_check_from_a_new_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_loopback(monkeypatch)
    async with (
        node_behind_nat(tmp_path, 1) as (node, nat),
        publishing(node),
        playing(node) as player,
    ):
        await player.frames("video", 20)
        before = {number: entry["address"] for number, entry in (await sessions(node)).items()}
        nat.rebind()
        async with asyncio.timeout(40):
            while True:
                now = await sessions(node)
                if all(now[number]["address"] not in {None, old} for number, old in before.items()):
                    break
                await asyncio.sleep(0.1)
        sent = {number: entry["packets_out"] for number, entry in now.items()}
        await asyncio.gather(player.frames("video", 30), player.frames("audio", 30))
        after = await sessions(node)
        assert after.keys() == before.keys()
        assert any(after[number]["packets_out"] > sent[number] for number in before)
