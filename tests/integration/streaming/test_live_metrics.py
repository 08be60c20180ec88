"""`/metrics` and the statistics of a room, with the native engine and media that flows."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.aiortc_peers import playing, publishing, use_loopback
from tests.support.media_node_live import LiveNode, live_node
from tests.support.media_tokens import bearer


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    use_loopback(monkeypatch)
    async with live_node(tmp_path, media_addresses="127.0.0.1") as running:
        yield running


async def scraped(node: LiveNode) -> dict[tuple[str, str], float]:
    """Name without prefix, first label's value or "" → value."""
    response = await node.http.get("/metrics", headers=bearer(node.mint.control()))
    return {
        (sample.name.removeprefix("zhijian_media_"), next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def grown(node: LiveNode, *names: str, label: str = "") -> dict[tuple[str, str], float]:
    """Scrape until all these are above zero: the engine's snapshot may be 250 ms old, its rates older."""
    async with asyncio.timeout(20):
        while True:
            found = await scraped(node)
            if all(found.get((name, label), 0) > 0 for name in names):
                return found
            await asyncio.sleep(0.1)


async def test_flowing_media_is_counted_and_stays_counted(node: LiveNode) -> None:
    flowing = (
        "viewer_packets_total",
        "viewer_bytes_total",
        "publisher_packets_total",
        "publisher_bytes_total",
    )
    async with publishing(node):
        async with playing(node) as player:
            await asyncio.gather(player.frames("video", 20), player.frames("audio", 20))
            during = await grown(node, *flowing, "publisher_key_frames_total", "datagrams_sent_total")
            await grown(node, "publisher_bytes_per_second", label="single")
        await node.next_event("viewer_gone")
        after = await grown(node, *flowing)
        assert after["viewer_packets_total", ""] >= during["viewer_packets_total", ""]


async def test_forwarding_delay_has_buckets_that_hold_every_packet(node: LiveNode) -> None:
    async with publishing(node), playing(node) as player:
        await player.frames("video", 20)
        found = await grown(node, "forward_delay_seconds_count", "forward_delay_seconds_sum")
        buckets = [
            (float(bound), count)
            for (name, bound), count in found.items()
            if name.endswith("_seconds_bucket")
        ]
        counts = [count for _, count in sorted(buckets)]
        assert len(counts) == 28
        assert counts == sorted(counts)
        assert counts[-1] == found["forward_delay_seconds_count", ""]
        assert found["worker_gso", "0"] in (0, 1)


async def test_room_tells_its_slots_and_participants_with_numbers(node: LiveNode) -> None:
    async with publishing(node, "lecturer"), playing(node, "member") as player:
        await asyncio.gather(player.frames("video", 20), player.frames("audio", 20))
        await grown(node, "viewer_packets_total")
        shown = await node.control("GET", "/rooms/room/statistics")
        assert [entry["slot"] for entry in shown["slots"]] == ["A0", "V0"]
        assert all(entry["packets"] > 0 for entry in shown["slots"])
        member = next(entry for entry in shown["participants"] if entry["participant"] == "member")
        assert member["sessions"][0]["packets_out"] > 0
        lecturer = next(entry for entry in shown["participants"] if entry["participant"] == "lecturer")
        assert {entry["state"] for entry in lecturer["sessions"][0]["publications"]} == {"live"}
