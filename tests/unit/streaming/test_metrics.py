"""`/metrics` and the statistics of a room: who may read them, and what they say."""

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake, until
from tests.support.media_tokens import bearer
from tests.support.offers import publisher_offer

SCRAPER = "a-token-for-prometheus-alone"
NUMBERS: dict[str, Any] = {
    "uptime_ms": 5000,
    "sent": 900,
    "send_refused": 3,
    "dropped": {"replayed": 4, "srtp_auth": 5},
    "workers": [{"idle_ns": 1_500_000_000, "gso": True}, {"idle_ns": 0, "gso": False}],
    "totals": {"packets_out": 800, "nack": 7, "rtx": 6, "pli": 2, "packets_in": 100, "pli_out": 1},
    "sessions": {
        "1": {"loss": 0.0, "rtt_ms": 3.0, "packets_out": 0, "bytes_out": 0, "nack": 0, "rtx": 0, "pli": 0},
        "2": {"loss": 0.07, "rtt_ms": 9.0, "packets_out": 8, "bytes_out": 90, "nack": 7, "rtx": 6, "pli": 2},
    },
    "publications": {
        "1": {"bitrate_bps": 64_000, "packets": 50, "layers": []},
        "2": {
            "bitrate_bps": 900_000,
            "packets": 90,
            "layers": [
                {"rid": "anything", "bitrate_bps": 100_000, "viewers": 2},
                {"rid": "else", "bitrate_bps": 800_000, "viewers": 1},
            ],
        },
    },
    "recordings": {"r1": {"attached": True, "ring_bytes": 1000, "overflow": 0}},
    "forward_delay_us": {"p50": 80, "p99": 900, "count": 10, "sum": 1500, "buckets": [[100, 6], [1000, 9]]},
}


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path, media_metrics_token=SCRAPER) as running:
        yield running


async def scraped(node: NodeOnFake) -> dict[tuple[str, tuple[str, ...]], float]:
    response = await node.http.get("/metrics", headers=bearer(SCRAPER))
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix("zhijian_media_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


@pytest.mark.parametrize("token", [None, "x", f"{SCRAPER}x"])
async def test_metrics_need_a_token(node: NodeOnFake, token: str | None) -> None:
    assert (await node.http.get("/metrics", headers=bearer(token) if token else {})).status_code == 401


async def test_tokens_of_members_do_not_read_metrics(node: NodeOnFake) -> None:
    assert (await node.http.get("/metrics", headers=bearer(node.mint.mint()))).status_code == 403
    assert (await node.http.get("/metrics", headers=bearer(node.mint.control()))).status_code == 200


async def test_token_of_prometheus_opens_nothing_else(node: NodeOnFake) -> None:
    for path in ("/control/status", "/control/events", "/control/rooms/room"):
        assert (await node.http.get(path, headers=bearer(SCRAPER))).status_code == 401


@pytest.mark.parametrize("unset", [None, ""])
async def test_without_a_setting_no_fixed_token_works(tmp_path: Path, unset: str | None) -> None:
    async with node_on_fake(tmp_path, media_metrics_token=unset) as node:
        for token in ("", " ", "None"):
            answer = await node.http.get("/metrics", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401
        assert (await node.http.get("/metrics", headers=bearer(node.mint.control()))).status_code == 200


async def test_metrics_tell_what_the_engine_counted(node: NodeOnFake) -> None:
    node.engine.snapshot = NUMBERS
    found = await scraped(node)
    assert found["datagrams_sent_total", ()] == 900
    assert found["dropped_total", ("replayed",)] == 4
    assert found["viewer_nacks_total", ()] == 7
    assert found["viewer_retransmissions_total", ()] == 6
    assert found["publisher_key_frame_requests_total", ()] == 1
    assert found["viewers_losing", ("0.05",)] == 1
    assert found["viewers_losing", ("0.1",)] == 0
    assert found["worker_idle_seconds_total", ("0",)] == 1.5
    assert (found["worker_gso", ("0",)], found["worker_gso", ("1",)]) == (1, 0)
    assert found["recordings", ("attached",)] == 1
    assert found["uptime_seconds", ()] == 5


async def test_forwarding_delay_is_a_histogram_in_seconds(node: NodeOnFake) -> None:
    node.engine.snapshot = NUMBERS
    found = await scraped(node)
    assert found["forward_delay_seconds_bucket", ("0.0001",)] == 6
    assert found["forward_delay_seconds_bucket", ("0.001",)] == 9
    assert found["forward_delay_seconds_bucket", ("+Inf",)] == found["forward_delay_seconds_count", ()] == 10
    assert found["forward_delay_seconds_sum", ()] == pytest.approx(0.0015)


async def test_layers_are_named_by_place_not_by_what_publishers_call_them(node: NodeOnFake) -> None:
    node.engine.snapshot = NUMBERS
    found = await scraped(node)
    assert found["publisher_bytes_per_second", ("0",)] == 12_500
    assert found["publisher_bytes_per_second", ("1",)] == 100_000
    assert found["publisher_bytes_per_second", ("single",)] == 8_000
    assert found["layer_viewers", ("0",)] == 2


async def test_joins_and_leaves_are_counted_for_good(node: NodeOnFake) -> None:
    location, _, _ = await node.connected("whep", "m1")
    await node.connected("whep", "m2")
    await node.http.delete(location, headers=bearer(node.mint.mint("m1")))
    found = await scraped(node)
    assert found["joins_total", ("viewer",)] == 2
    assert found["leaves_total", ("deleted", "viewer")] == 1
    assert found["sessions", ("viewer", "connected")] == 1
    assert found["rooms", ("no",)] == 1


async def test_labels_do_not_grow_with_rooms_and_people(node: NodeOnFake) -> None:
    async def names() -> set[tuple[str, tuple[str, ...]]]:
        return set(await scraped(node))

    await node.connected("whip", "somebody", room="a-room")
    before = await names()
    for number in range(5):
        await node.connected("whip", f"person-{number}", room=f"room-{number}")
    assert await names() == before
    assert not any("somebody" in value or "a-room" in value for _, labels in before for value in labels)


async def test_statistics_of_a_room_are_by_slot_and_by_participant(node: NodeOnFake) -> None:
    await node.connected("whip", "lecturer", offer=publisher_offer())
    await node.connected("whep", "member")
    node.engine.snapshot = NUMBERS
    answer = await node.control("GET", "/rooms/room/statistics")
    assert answer.status_code == 200
    shown = answer.json()
    assert [entry["slot"] for entry in shown["slots"]] == ["A0", "V0"]
    assert {entry["participant"] for entry in shown["slots"]} == {"lecturer"}
    assert shown["slots"][1]["layers"][1]["bitrate_bps"] == 800_000
    by_name = {entry["participant"]: entry["sessions"] for entry in shown["participants"]}
    assert by_name["member"][0]["loss"] == 0.07
    assert by_name["member"][0]["publications"] == []
    assert [entry["kind"] for entry in by_name["lecturer"][0]["publications"]] == ["audio", "video"]
    assert shown["at_ms"] > 0


async def test_statistics_tell_the_voices_that_the_engine_chose(node: NodeOnFake) -> None:
    await node.connected("whip", "lecturer", offer=publisher_offer())
    await node.connected("whip", "asker", source="screen", offer=publisher_offer(has_video=False))
    told = {"speaking": [3], "heard": [1, 3, None]}
    node.engine.emit("speakers", 0, "room", json.dumps(told).encode())
    await until(lambda: node.node.services.registry.rooms["room"].heard)
    shown = (await node.control("GET", "/rooms/room/statistics")).json()
    voices = {entry["slot"]: entry["participant"] for entry in shown["slots"] if entry["kind"] == "audio"}
    assert voices == {"A0": "lecturer", "A1": "asker"}


async def test_statistics_need_a_control_token_and_a_room(node: NodeOnFake) -> None:
    assert (await node.control("GET", "/rooms/none/statistics")).status_code == 404
    assert (await node.http.get("/control/rooms/room/statistics")).status_code == 401
