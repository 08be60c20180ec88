"""A viewer who may use nothing but a TURN server: real coturn, credentials from our Link header fields."""

import contextlib
import re
from pathlib import Path

import aioice
import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection

from streaming.ice.servers import turn_credential
from tests.support.aiortc_peers import Player, publishing, use_loopback
from tests.support.coturn import SECRET, Coturn, coturn
from tests.support.media_node_live import LiveNode, live_node
from tests.support.media_tokens import bearer
from tests.support.offers import publisher_offer, viewer_offer

LINK = re.compile(
    r'<(?P<url>[^>]+)>; rel="ice-server"; username="(?P<username>[^"]+)"; credential="(?P<credential>[^"]+)"'
)


@pytest.fixture
def turn(tmp_path: Path):
    with coturn(tmp_path) as running:
        yield running


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turn: Coturn):
    use_loopback(monkeypatch)
    async with live_node(
        tmp_path / "data", media_addresses="127.0.0.1", turn_urls=turn.url, turn_secret=SECRET
    ) as running:
        yield running


async def ice_server(node: LiveNode, participant: str) -> RTCIceServer:
    """What OPTIONS tells somebody with a token."""
    response = await node.http.options("/whep/room", headers=bearer(node.mint.mint(participant, "room")))
    assert response.status_code == 200
    found = LINK.match(response.headers["link"])
    assert found, response.headers
    return RTCIceServer(found["url"], found["username"], found["credential"])


def only_relayed(player: Player, server: RTCIceServer) -> None:
    configuration = RTCConfiguration(iceServers=[server], iceTransportPolicy=RTCIceTransportPolicy.RELAY)
    player.pc = RTCPeerConnection(configuration)


async def test_media_reaches_a_viewer_through_turn_alone(node: LiveNode, turn: Coturn) -> None:
    async with publishing(node):
        player = Player(node, "member", "room")
        only_relayed(player, await ice_server(node, "member"))
        try:
            await player.start()
            await player.frames("video", 20)
            await player.frames("audio", 20)
        finally:
            await player.pc.close()
    assert re.search(r"user <\d+:member>: incoming packet ALLOCATE processed, success", turn.log.read_text())


async def test_credentials_that_ran_out_or_were_made_up_relay_nothing(node: LiveNode, turn: Coturn) -> None:
    server = await ice_server(node, "member")
    expired = "1000000000:member"
    for username, credential in (
        (expired, turn_credential(SECRET, expired)),
        (server.username, turn_credential("a guess", server.username)),
    ):
        agent = aioice.Connection(
            ice_controlling=True,
            turn_server=turn.address,
            turn_username=username,
            turn_password=credential,
            transport_policy=aioice.TransportPolicy.RELAY,
        )
        with contextlib.suppress(ConnectionError, aioice.stun.TransactionFailed):
            await agent.gather_candidates()
        assert agent.local_candidates == []
        await agent.close()
    assert "ALLOCATE processed, success" not in turn.log.read_text()


async def test_answers_to_offers_link_the_server_and_strangers_are_told_nothing(node: LiveNode) -> None:
    for kind, offer in (("whip", publisher_offer()), ("whep", viewer_offer())):
        headers = bearer(node.mint.mint("member", "room")) | {"Content-Type": "application/sdp"}
        created = await node.http.post(f"/{kind}/room", content=offer, headers=headers)
        found = LINK.match(created.headers["link"])
        assert found, created.headers
        assert found["credential"] == turn_credential(SECRET, found["username"])
        assert "link" not in (await node.http.options(f"/{kind}/room")).headers
        refused = await node.http.options(f"/{kind}/room", headers=bearer("nonsense"))
        assert (refused.status_code, "link" in refused.headers) == (401, False)
