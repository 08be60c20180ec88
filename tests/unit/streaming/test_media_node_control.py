"""The control interface, and what bad input of any kind is answered with."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from streaming.app import app_of
from tests.support.media_node_on_fake import NodeOnFake, node_on_fake, until
from tests.support.media_tokens import TokenMint, bearer
from tests.support.offers import VP8, publisher_offer, viewer_offer

SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code
    return response.status_code, response.json()["code"]


async def test_recording_is_switched_only_by_control_and_only_on_change(node: NodeOnFake) -> None:
    for _ in range(2):
        response = await node.control("PUT", "/rooms/lecture", json={"recording_id": "rec-1", "codec": None})
        assert response.status_code == 200
    assert response.json() == {
        "room": "lecture",
        "media_epoch": "epoch-1",
        "codec": "H264",
        "recording": {"recording_id": "rec-1", "attached": False, "overflow": 0},
        "publications": [],
        "viewers": 0,
        "sessions": [],
    }
    await node.control("PUT", "/rooms/lecture", json={"recording_id": None, "codec": None})
    assert node.engine.called("set_recording") == [("lecture", "rec-1"), ("lecture", None)]


async def test_recording_belongs_to_one_room(node: NodeOnFake) -> None:
    settings = {"recording_id": "rec-1", "codec": None}
    assert (await node.control("PUT", "/rooms/one", json=settings)).status_code == 200
    assert code(await node.control("PUT", "/rooms/two", json=settings)) == (400, "body_malformed")
    assert (await node.control("GET", "/rooms/two")).status_code == 404
    await node.control("DELETE", "/rooms/one")
    assert (await node.control("PUT", "/rooms/two", json=settings)).status_code == 200


async def test_rooms_of_tokens_are_never_recorded(node: NodeOnFake) -> None:
    await node.connected("whip")
    await node.connected("whep", "v1")
    assert node.engine.called("set_recording") == []
    assert (await node.control("GET", "/rooms/room")).json()["recording"] is None


async def test_recorded_room_insists_on_h264(node: NodeOnFake) -> None:
    await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": None})
    assert code(await node.post("whip", offer=publisher_offer(VP8))) == (422, "codec_not_accepted")
    assert (await node.post("whip", offer=publisher_offer())).status_code == 201
    refused = await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": "VP8"})
    assert code(refused) == (422, "codec_not_accepted")


async def test_room_codec_of_the_api_is_the_only_one_accepted(node: NodeOnFake) -> None:
    await node.control("PUT", "/rooms/room", json={"recording_id": None, "codec": "VP8"})
    assert (await node.post("whip", offer=publisher_offer())).status_code == 201
    assert node.engine.called("publish")[-1][2]["codec"] == "VP8"


async def test_vp8_room_cannot_become_recorded_while_it_flows(node: NodeOnFake) -> None:
    await node.connected("whip", offer=publisher_offer(VP8))
    refused = await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": None})
    assert code(refused) == (422, "codec_not_accepted")
    assert node.engine.called("set_recording") == []


async def test_room_shows_publications_with_the_engines_numbers(node: NodeOnFake) -> None:
    _, engine_id, _ = await node.connected("whip")
    _, video = (call[1] for call in node.engine.called("publish"))
    node.engine.snapshot["publications"][str(video)] = {"packets": 99, "lost": 1, "bitrate_bps": 1_000_000}
    node.engine.snapshot["sessions"][str(engine_id)] = {"rtt_ms": 12.5}
    node.engine.emit("publication_media", engine_id, str(video))
    await until(lambda: node.node.services.events.after("epoch-1", 1))
    shown = (await node.control("GET", "/rooms/room")).json()
    assert shown["publications"][1] == {
        "publication_id": video,
        "participant": "p1",
        "source": "camera",
        "kind": "video",
        "codec": "H264",
        "state": "live",
        "bitrate_bps": 1_000_000,
        "loss": 0.01,
        "rtt_ms": 12.5,
    }
    assert [(entry["role"], entry["state"]) for entry in shown["sessions"]] == [("publisher", "connected")]


async def test_deleted_room_closes_everyone(node: NodeOnFake) -> None:
    await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": None})
    await node.connected("whip")
    await node.connected("whep", "v1")
    assert (await node.control("DELETE", "/rooms/room")).status_code == 204
    await until(lambda: not node.engine.sessions)
    assert code(await node.control("GET", "/rooms/room")) == (404, "room_not_found")
    assert node.engine.called("set_recording")[-1] == ("room", None)
    causes = {event["data"].get("cause") for event in await node.events() if event["type"].endswith("_gone")}
    assert causes == {"room_closed"}


async def test_participant_is_removed_from_the_room(node: NodeOnFake) -> None:
    await node.connected("whep", "v1")
    await node.connected("whep", "v2")
    assert (await node.control("DELETE", "/rooms/room/participants/v1")).status_code == 204
    shown = (await node.control("GET", "/rooms/room")).json()
    assert [entry["participant"] for entry in shown["sessions"]] == ["v2"]


async def test_events_are_polled_and_acknowledged(node: NodeOnFake) -> None:
    polling = asyncio.create_task(
        node.control("GET", "/events", params={"after": 0, "epoch": "epoch-1", "wait": 20})
    )
    await node.connected("whep", "v1")
    body = (await polling).json()
    assert body["node_epoch"] == "epoch-1"
    event = body["events"][0]
    assert (event["seq"], event["type"], event["participant"]) == (1, "viewer_connected", "v1")
    assert abs(event["at_ms"] / 1000 - time.time()) < 60
    acknowledged = await node.control("POST", "/events/ack", json={"node_epoch": "epoch-1", "seq": 1})
    assert acknowledged.status_code == 204
    assert await node.events() == []


async def test_recorder_events_name_their_room(node: NodeOnFake) -> None:
    await node.control("PUT", "/rooms/room", json={"recording_id": "rec-1", "codec": None})
    for kind in ("recorder_attached", "recorder_detached", "recording_overflow"):
        node.engine.emit(kind, 0, "rec-1")
    await until(lambda: len(node.node.services.events.after(None, 0)) == 3)
    assert [(event["type"], event["room"], event["data"]) for event in await node.events()] == [
        (kind, "room", {"recording_id": "rec-1"})
        for kind in ("recorder_attached", "recorder_detached", "recording_overflow")
    ]


async def test_status_shows_the_node(node: NodeOnFake) -> None:
    status = (await node.control("GET", "/status")).json()
    assert status["media_epoch"] == "epoch-1"
    assert status["addresses"] == ["192.0.2.1:8001", "127.0.0.1:8001"]
    assert status["engine"] == node.engine.snapshot


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/control/rooms/room"),
        ("PUT", "/control/rooms/room"),
        ("DELETE", "/control/rooms/room"),
        ("DELETE", "/control/rooms/room/participants/p"),
        ("GET", "/control/events"),
        ("POST", "/control/events/ack"),
        ("GET", "/control/status"),
    ],
)
async def test_control_is_closed_to_everyone_else(node: NodeOnFake, method: str, path: str) -> None:
    assert code(await node.http.request(method, path)) == (401, "token_missing")
    publisher = bearer(node.mint.mint(room="*"))
    assert code(await node.http.request(method, path, headers=publisher)) == (403, "grant_missing")
    other_room = bearer(node.mint.mint(grants=["control"], room="room"))
    assert code(await node.http.request(method, path, headers=other_room)) == (403, "room_mismatch")


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", '{"recording_id": 7}', '{"codec": "AV1"}', '{"recording_id": "../x"}', '{"unknown": 1}'],
)
async def test_malformed_room_settings_are_refused(node: NodeOnFake, body: str) -> None:
    response = await node.control("PUT", "/rooms/room", content=body)
    assert response.status_code == 415
    headers = bearer(node.mint.control()) | {"Content-Type": "application/json"}
    assert code(await node.http.put("/control/rooms/room", content=body, headers=headers)) == (
        400,
        "body_malformed",
    )


async def test_malformed_positions_are_refused(node: NodeOnFake) -> None:
    for params in ({"after": "x"}, {"after": -1}, {"wait": "soon"}, {"wait": "nan"}):
        assert code(await node.control("GET", "/events", params=params)) == (400, "body_malformed")
    assert code(await node.control("POST", "/events/ack", json={"seq": 1})) == (400, "body_malformed")


@pytest.mark.parametrize("kind", ["whip", "whep"])
async def test_bad_tokens_are_refused(node: NodeOnFake, kind: str) -> None:
    for token, expected in (
        (node.mint.mint(ttl_s=-60), (401, "token_expired")),
        (TokenMint().mint(), (401, "token_invalid")),
        ("nonsense", (401, "token_invalid")),
        (node.mint.mint(room="other"), (403, "room_mismatch")),
        (node.mint.mint(grants=[]), (403, "grant_missing")),
    ):
        response = await node.http.post(f"/{kind}/room", content=viewer_offer(), headers=bearer(token) | SDP)
        assert code(response) == expected
    in_url = await node.http.post(
        f"/{kind}/room?token={node.mint.mint()}", content=viewer_offer(), headers=SDP
    )
    assert code(in_url) == (401, "token_missing")
    assert node.engine.calls == []


@pytest.mark.parametrize("kind", ["whip", "whep"])
async def test_bad_bodies_are_refused(node: NodeOnFake, kind: str) -> None:
    for body, expected in (
        (b"x" * 65537, (413, "body_too_large")),
        (b"", (400, "sdp_malformed")),
        (b"hello", (400, "sdp_malformed")),
        (b"v=0\r\nm=video\r\n", (400, "sdp_malformed")),
        (b"\xff\xfe", (400, "sdp_malformed")),
        (b"v=0\r\n", (422, "sdp_unsupported")),
    ):
        response = await node.http.post(f"/{kind}/room", content=body, headers=bearer(node.mint.mint()) | SDP)
        assert code(response) == expected, body[:20]


async def test_body_without_length_is_cut_off_at_the_limit(node: NodeOnFake) -> None:
    async def endless():
        for _ in range(100):
            yield b"a" * 4096

    response = await node.http.post("/whip/room", content=endless(), headers=bearer(node.mint.mint()) | SDP)
    assert code(response) == (413, "body_too_large")


async def test_impossible_room_names_and_sources_are_refused(node: NodeOnFake) -> None:
    long = "r" * 65
    response = await node.post("whip", room=long, offer=publisher_offer())
    assert code(response) == (404, "room_not_found")
    assert code(await node.post("whip", offer=publisher_offer(), source="window")) == (422, "sdp_unsupported")


async def test_session_belongs_to_its_participant(node: NodeOnFake) -> None:
    location = (await node.post("whip", "p1", offer=publisher_offer())).headers["location"]
    other = await node.http.delete(location, headers=bearer(node.mint.mint("p2")))
    assert code(other) == (404, "session_not_found")
    as_viewer = await node.http.delete(location.replace("whip", "whep"), headers=bearer(node.mint.mint("p1")))
    assert code(as_viewer) == (404, "session_not_found")


async def test_unknown_paths_are_problems_too(node: NodeOnFake) -> None:
    assert code(await node.http.get("/nowhere")) == (404, "not_found")
    assert code(await node.http.post("/whip/room/")) == (404, "not_found")
    assert code(await node.http.put("/whip/room")) == (405, "method_not_allowed")


async def test_app_works_mounted_into_another(node: NodeOnFake) -> None:
    outer = Starlette(routes=[Mount("/", app_of(node.node))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://media.test") as http:
        response = await http.post(
            "/whep/room", content=viewer_offer(), headers=bearer(node.mint.mint()) | SDP
        )
        assert response.status_code == 201
        assert response.headers["location"].startswith("/whep/room/")
        assert response.headers["access-control-allow-origin"] == "*"
        assert (
            await http.delete(response.headers["location"], headers=bearer(node.mint.mint()))
        ).status_code == 200
