"""draft-ietf-wish-whep-03 §4.4 to §5 (ICE, WebRTC constraints, load, tokens, extensions, security): what they
ask of a server. Ids carry the section."""

import re
from pathlib import Path

import pytest

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake
from tests.support.media_tokens import TokenMint, bearer
from tests.support.offers import viewer_offer
from tests.support.signalling_requests import FRAGMENT_TYPE, RESTART, SDP_TYPE, TRICKLE, SignallingClient


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


@pytest.fixture
def whep(node: NodeOnFake) -> SignallingClient:
    return SignallingClient(node, "whep")


async def test_s4_4_1_created_session_has_a_strong_etag_and_takes_fragments(whep: SignallingClient) -> None:
    created = await whep.post()
    assert re.fullmatch(r'"[^"]+"', created.headers["etag"])
    assert created.headers["accept-patch"] == FRAGMENT_TYPE


@pytest.mark.parametrize(
    ("if_match", "status"), [(None, 428), ('"stale"', 412), ('W/"weak"', 412), ("*", 204)]
)
async def test_s4_4_1_patch_answers_missing_and_stale_entity_tags(
    whep: SignallingClient, if_match: str | None, status: int
) -> None:
    location, etag = await whep.opened()
    assert (await whep.patch(location, TRICKLE, if_match=if_match)).status_code == status
    assert (await whep.patch(location, TRICKLE, if_match=etag)).status_code == 204


async def test_s4_4_1_delete_ignores_entity_tags(whep: SignallingClient) -> None:
    location, _ = await whep.opened()
    assert (await whep.delete(location, If_Match='"stale"')).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"), [(TRICKLE, "text/plain", 415), ("nonsense", FRAGMENT_TYPE, 400)]
)
async def test_s4_4_1_other_content_types_and_malformed_fragments_are_refused(
    whep: SignallingClient, body: str, content_type: str, status: int
) -> None:
    location, etag = await whep.opened()
    response = await whep.patch(location, body, if_match=etag, content_type=content_type)
    assert response.status_code == status


async def test_s4_4_2_answer_has_every_candidate_of_the_node(
    node: NodeOnFake, whep: SignallingClient
) -> None:
    answer = (await whep.post()).text
    for address, port in node.node.services.announced:
        assert re.search(rf"a=candidate:\S+ 1 udp \d+ {re.escape(address)} {port} typ host", answer)
    assert "a=end-of-candidates\r\n" in answer


async def test_s4_4_2_trickled_candidates_are_204_without_body_and_etag(whep: SignallingClient) -> None:
    location, etag = await whep.opened()
    response = await whep.patch(location, TRICKLE, if_match=etag)
    assert (response.status_code, response.content) == (204, b"")
    assert "etag" not in response.headers


async def test_s4_4_2_candidates_that_cannot_be_used_are_discarded_silently(whep: SignallingClient) -> None:
    location, etag = await whep.opened()
    candidate = "9 1 tcp 1518280447 unresolvable.invalid 9 typ host tcptype active"
    body = f"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v0\r\na=candidate:{candidate}\r\n"
    assert (await whep.patch(location, body, if_match=etag)).status_code == 204


async def test_s4_4_3_new_credentials_restart_ice_with_200_fragment_and_new_etag(
    node: NodeOnFake, whep: SignallingClient
) -> None:
    created = await whep.post()
    response = await whep.patch(created.headers["location"], RESTART, if_match="*")
    assert response.status_code == 200
    assert response.headers["content-type"] == FRAGMENT_TYPE
    assert response.headers["etag"] not in ("", created.headers["etag"])
    _, ufrag, pwd = node.engine.called("restart_ice")[0]
    lines = response.text.split("\r\n")
    for line in (f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{pwd}", "a=ice-lite", "a=ice-options:trickle ice2"):
        assert line in lines
        assert line.startswith(("a=ice-ufrag", "a=ice-pwd")) or f"{line}\r\n" in created.text
    assert "a=mid:v0" in lines


async def test_s4_4_3_restart_keeps_slots_and_subscription(node: NodeOnFake) -> None:
    location, _, _ = await node.connected("whep")
    whep = SignallingClient(node, "whep")
    assert (await whep.patch(location, RESTART, if_match="*")).status_code == 200
    assert len(node.engine.called("subscribe")) == 1
    assert len(node.engine.called("set_keys")) == 1
    assert not node.engine.called("close_session")


async def test_s4_4_3_restart_that_cannot_be_satisfied_keeps_the_session(
    node: NodeOnFake, whep: SignallingClient
) -> None:
    location, etag = await whep.opened()
    assert (await whep.patch(location, "a=ice-ufrag:nEw1\r\n", if_match="*")).status_code == 400
    assert not node.engine.called("restart_ice")
    assert (await whep.patch(location, TRICKLE, if_match=etag)).status_code == 204


async def test_s4_5_1_answer_is_one_bundle_with_multiplexed_rtcp(whep: SignallingClient) -> None:
    answer = (await whep.post()).text
    assert "a=group:BUNDLE v0 a0\r\n" in answer
    assert answer.count("a=rtcp-mux\r\n") == 2
    assert (await whep.post(viewer_offer().replace("a=rtcp-mux\r\n", ""))).status_code == 422


async def test_s4_5_2_picture_and_sound_of_a_plain_player_are_one_media_stream(
    whep: SignallingClient,
) -> None:
    answer = (await whep.post()).text
    streams = [line.split()[0] for line in answer.split("\r\n") if line.startswith("a=msid:")]
    assert streams == ["a=msid:V0", "a=msid:V0"]


async def test_s4_5_2_players_that_ask_for_more_get_a_stream_a_slot(whep: SignallingClient) -> None:
    # More than the draft allows for, and only for who offers it: our own pages show several cameras.
    answer = (await whep.post(viewer_offer(3, 2))).text
    streams = [line.split()[0] for line in answer.split("\r\n") if line.startswith("a=msid:")]
    assert streams == ["a=msid:V0", "a=msid:V1", "a=msid:V2", "a=msid:V0", "a=msid:A1"]


async def test_s4_5_3_answer_is_of_an_ice_lite_agent(whep: SignallingClient) -> None:
    assert "a=ice-lite\r\n" in (await whep.post()).text


async def test_s4_6_nothing_is_ever_redirected_as_get(whep: SignallingClient) -> None:
    response = await whep.request(
        "POST", "/whep/room/", content=whep.offer, headers={"Content-Type": SDP_TYPE}
    )
    assert response.status_code not in range(300, 400)


async def test_s4_6_overload_is_503_with_retry_after(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_sessions=1) as node:
        whep = SignallingClient(node, "whep")
        await whep.opened()
        response = await whep.post()
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1


async def test_s4_7_ice_servers_are_links_of_the_created_answer_only(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_ice_servers="stun:stun.example.net") as node:
        whep = SignallingClient(node, "whep")
        assert re.match(r'<stun:stun\.example\.net>; *rel="ice-server"', (await whep.post()).headers["link"])
        assert "link" not in (await whep.request("OPTIONS", whep.endpoint)).headers


async def test_s4_7_credentials_of_turn_servers_are_attributes_of_their_links(tmp_path: Path) -> None:
    async with node_on_fake(
        tmp_path,
        media_ice_servers="stun:stun.example.net",
        turn_urls="turn:turn.example.net?transport=udp,turns:turn.example.net?transport=tcp",
        turn_secret="of both servers",
    ) as node:
        whep = SignallingClient(node, "whep")
        links = (await whep.post()).headers.get_list("link")
        assert links[0] == '<stun:stun.example.net>; rel="ice-server"'
        for link, scheme in zip(links[1:], ("turn", "turns"), strict=True):
            assert re.fullmatch(
                rf'<{scheme}:[^>]+>; rel="ice-server"; username="[^"]+"; '
                r'credential="[^"]+"; credential-type="password"',
                link,
            )
        assert "link" not in (await whep.request("OPTIONS", whep.endpoint)).headers


async def test_s4_8_requests_without_a_token_are_401_with_a_challenge(whep: SignallingClient) -> None:
    location, _ = await whep.opened()
    for method, path in (("POST", whep.endpoint), ("PATCH", location), ("DELETE", location)):
        response = await whep.request(method, path, content=whep.offer)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_s4_8_1_bad_and_expired_tokens_are_401(node: NodeOnFake, whep: SignallingClient) -> None:
    for token in ("x", node.mint.mint(ttl_s=-60), TokenMint().mint()):
        assert (await whep.post(token=token)).status_code == 401


@pytest.mark.parametrize("grants", [["publish"], ["control"], []], ids=str)
async def test_s4_8_1_watching_needs_the_watch_grant(
    node: NodeOnFake, whep: SignallingClient, grants: list[str]
) -> None:
    assert (await whep.post(token=node.mint.mint(grants=grants))).status_code == 403


async def test_s4_9_no_extension_is_announced_or_needed(whep: SignallingClient) -> None:
    created = await whep.post()
    assert created.status_code == 201
    assert not any("urn:ietf:params:whep:ext" in link for link in created.headers.get_list("link"))


async def test_s5_floods_are_bounded(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_handshakes=2) as node:
        whep = SignallingClient(node, "whep")
        location, etag = await whep.opened()
        assert [(await whep.post()).status_code for _ in range(3)] == [201, 503, 503]
        patches = {(await whep.patch(location, TRICKLE, if_match=etag)).status_code for _ in range(80)}
        assert patches == {204, 429}
        stranger = bearer(node.mint.mint("stranger"))
        guesses = {
            (await whep.request("DELETE", f"/whep/room/{n:020}", headers=stranger)).status_code
            for n in range(50)
        }
        assert guesses == {404, 429}
        assert (await whep.delete(location)).status_code == 200


async def test_s5_session_urls_cannot_be_guessed_and_belong_to_their_player(
    node: NodeOnFake, whep: SignallingClient
) -> None:
    location, _ = await whep.opened()
    assert re.fullmatch(r"/whep/room/[A-Za-z0-9_-]{20}", location)
    stranger = bearer(node.mint.mint("stranger"))
    assert (await whep.request("DELETE", location, headers=stranger)).status_code == 404
    # Nor does a session change its kind.
    assert (
        await whep.request("DELETE", location.replace("whep", "whip"), headers=stranger)
    ).status_code == 404
    assert (await whep.delete(location)).status_code == 200
