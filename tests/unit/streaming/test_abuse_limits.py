"""Who asks for too much is told when to come back; whoever behaves notices nothing of it."""

import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from starlette.requests import Request

from streaming.app import app_of
from streaming.rooms.pace import PaceTable
from streaming.signalling.pacing import network_of
from tests.support.media_node_on_fake import NodeOnFake, node_on_fake, until
from tests.support.media_tokens import bearer
from tests.support.offers import publisher_offer, viewer_offer

PROBLEM = "application/problem+json"


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal that says when to come back."""
    assert response.headers["content-type"] == PROBLEM
    assert int(response.headers["retry-after"]) >= 1
    return response.status_code, response.json()["code"]


async def test_second_device_is_let_in_and_twenty_are_not(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_sessions_per_participant=4) as node:
        for _ in range(4):
            await node.connected("whep", "p1")
        assert refusal(await node.post("whep", "p1", offer=viewer_offer())) == (429, "too_many_sessions")
        assert refusal(await node.post("whip", "p1", offer=publisher_offer())) == (429, "too_many_sessions")
        await node.connected("whep", "p2")
        assert len(node.node.services.registry) == 5


async def test_page_reloaded_again_and_again_is_let_in_again_and_again(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_sessions_per_participant=3) as node:
        for _ in range(8):
            _, engine_id, _ = await node.connected("whep", "p1")
            node.engine.emit("consent_lost", engine_id)
            await until(lambda: "silent" in [s.state for s in node.node.services.registry.sessions()])
        assert len(node.node.services.registry) == 3


async def test_room_is_bounded_in_sessions_and_in_what_is_published(tmp_path: Path) -> None:
    async with node_on_fake(
        tmp_path, media_max_sessions_per_room=3, media_max_publications_per_room=2
    ) as node:
        await node.connected("whip", "p1")
        full = await node.post("whip", "p2", source="screen", offer=publisher_offer())
        assert refusal(full) == (503, "room_full")
        for viewer in ("v1", "v2"):
            await node.connected("whep", viewer)
        assert refusal(await node.post("whep", "v3", offer=viewer_offer())) == (503, "room_full")
        await node.connected("whep", "v3", room="another")


async def test_rooms_are_bounded_and_a_full_node_goes_on_with_those_it_has(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_rooms=1) as node:
        await node.connected("whep", "v1")
        assert refusal(await node.post("whep", room="more", offer=viewer_offer())) == (503, "node_full")
        await node.connected("whep", "v2")


async def test_session_publishes_at_most_one_picture_and_one_sound(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path) as node:
        await node.connected("whip")
        assert len(list(node.node.services.registry.rooms["room"].publications())) == 2
        twice = publisher_offer() + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=rtpmap:96 VP8/90000\r\n"
        assert (await node.post("whip", offer=twice)).status_code in {400, 422}


async def test_flood_of_half_open_sessions_gives_way_to_those_who_come_to_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node_on_fake(tmp_path, media_max_handshakes=5) as node:
        await node.connected("whep", "watching")
        for flooder in range(5):
            assert (await node.post("whep", f"f{flooder}", offer=viewer_offer())).status_code == 201
        # While they may still mean it, nobody is thrown out for another.
        assert refusal(await node.post("whep", "v1", offer=viewer_offer())) == (503, "node_full")
        clock = node.node.services.clock
        later = clock.now_ms() + 2500
        monkeypatch.setattr(type(clock), "now_ms", lambda _: later)
        await node.connected("whep", "v1")
        states = [media_session.state for media_session in node.node.services.registry.sessions()]
        assert sorted(states) == ["connected"] * 2 + ["new"] * 4
        await until(lambda: len(node.engine.sessions) == 6)


async def test_half_open_session_that_was_reached_is_not_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node_on_fake(tmp_path, media_max_handshakes=1) as node:
        assert (await node.post("whep", "slow", offer=viewer_offer())).status_code == 201
        node.engine.emit("selected", node.engine.called("add_session")[-1][0], "192.0.2.9:5000")
        await until(lambda: all(s.is_reached for s in node.node.services.registry.sessions()))
        clock = node.node.services.clock
        later = clock.now_ms() + 2500
        monkeypatch.setattr(type(clock), "now_ms", lambda _: later)
        assert refusal(await node.post("whep", "v1", offer=viewer_offer())) == (503, "node_full")


async def offer_from(node: NodeOnFake, address: str, token: str) -> httpx.Response:
    """POST an offer from a client address."""
    transport = httpx.ASGITransport(app_of(node.node), client=(address, 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://media.test") as http:
        headers = bearer(token) | {"Content-Type": "application/sdp"}
        return await http.post("/whep/room", content=viewer_offer(), headers=headers)


async def test_offers_of_one_address_are_paced_and_those_of_others_are_not(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_offers_per_address=20) as node:
        started = time.monotonic()
        codes = [(await offer_from(node, "192.0.2.66", "no token")).status_code for _ in range(40)]
        allowed = 20 + 2 * (time.monotonic() - started) + 1
        assert codes.count(401) <= allowed
        assert set(codes) == {401, 429}
        good = node.mint.mint("v1")
        assert refusal(await offer_from(node, "192.0.2.66", good)) == (429, "too_many_requests")
        assert (await offer_from(node, "192.0.2.67", good)).status_code == 201


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("/run/proxy.sock", "/run/proxy.sock"),
    ],
)
def test_whoever_has_many_addresses_counts_once(host: str, network: str) -> None:
    request = SimpleNamespace(client=SimpleNamespace(host=host))
    assert network_of(request) == network  # type: ignore[arg-type]
    assert network_of(Request({"type": "http", "client": None})) == ""


def test_table_of_paces_is_bounded_and_keeps_those_who_ask() -> None:
    table = PaceTable(2, 1.0, size=100)
    assert [table.wait_s("greedy", 0.0) for _ in range(3)][:2] == [0.0, 0.0]
    for stranger in range(10_000):
        assert table.wait_s(str(stranger), 0.0) == 0.0
        if stranger % 50 == 0:
            assert table.wait_s("greedy", 0.0) > 0
    assert len(table) == 100
