"""RFC 9725 §4.4 to §5 (WebRTC constraints, load, ICE servers, tokens, simulcast, extensions, security): what
they ask of a server. Ids carry the section."""

import re
from pathlib import Path

import pytest

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake, until
from tests.support.media_tokens import TokenMint, bearer
from tests.support.offers import H264, OPUS, VP8, media, offer, publisher_offer
from tests.support.signalling_requests import FRAGMENT_TYPE, SDP_TYPE, TRICKLE, SignallingClient


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


@pytest.fixture
def whip(node: NodeOnFake) -> SignallingClient:
    return SignallingClient(node, "whip")


async def test_s4_4_1_answer_is_one_bundle_with_multiplexed_rtcp(whip: SignallingClient) -> None:
    answer = (await whip.post()).text
    assert "a=group:BUNDLE 0 1\r\n" in answer
    assert answer.count("a=rtcp-mux\r\n") == 2


async def test_s4_4_1_rtcp_mux_only_is_understood_and_not_repeated(whip: SignallingClient) -> None:
    # §4.4.1 asks for it as in RFC 8858 §3, which forbids it in answers: the stricter rule is kept.
    response = await whip.post(
        publisher_offer().replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n")
    )
    assert response.status_code == 201
    assert "a=rtcp-mux-only" not in response.text


@pytest.mark.parametrize(
    "text",
    [
        offer(media("audio", "0", "sendonly", OPUS), media("video", "1", "sendonly", VP8), bundle=""),
        offer(media("audio", "0", "sendonly", OPUS), media("video", "1", "sendonly", VP8), bundle="0"),
        publisher_offer().replace("a=rtcp-mux\r\n", ""),
    ],
    ids=["no bundle", "half a bundle", "no rtcp-mux"],
)
async def test_s4_4_1_offers_without_bundle_or_rtcp_mux_are_422(whip: SignallingClient, text: str) -> None:
    assert (await whip.post(text)).status_code == 422


@pytest.mark.parametrize("kind", ["audio", "video"])
async def test_s4_4_2_one_track_of_any_kind_is_enough(whip: SignallingClient, kind: str) -> None:
    alone = media(kind, "0", "sendonly", OPUS if kind == "audio" else VP8, ssrcs=(3001,))
    assert (await whip.post(offer(alone))).status_code == 201


@pytest.mark.parametrize(("kind", "codecs"), [("audio", OPUS), ("video", VP8)])
async def test_s4_4_2_two_tracks_of_a_kind_are_422(
    node: NodeOnFake, whip: SignallingClient, kind: str, codecs: list[str]
) -> None:
    text = offer(media(kind, "0", "sendonly", codecs), media(kind, "1", "sendonly", codecs))
    assert (await whip.post(text)).status_code == 422
    assert not node.engine.calls


async def test_s4_4_2_offer_without_any_track_is_422(whip: SignallingClient) -> None:
    assert (await whip.post(offer())).status_code in (400, 422)


@pytest.mark.parametrize(
    "text",
    [
        offer(
            media("video", "0", "sendonly", H264), media("audio", "1", "sendonly", ["a=rtpmap:0 PCMU/8000"])
        ),
        offer(
            media("video", "0", "sendonly", ["a=rtpmap:45 AV1/90000"]), media("audio", "1", "sendonly", OPUS)
        ),
    ],
    ids=["no common audio codec", "no common video codec"],
)
async def test_s4_4_3_no_partially_successful_answers(
    node: NodeOnFake, whip: SignallingClient, text: str
) -> None:
    response = await whip.post(text)
    assert response.status_code == 422
    assert response.json()["detail"]
    assert not node.engine.calls


@pytest.mark.parametrize(
    ("offered", "answered"), [("actpass", "passive"), ("active", "passive"), ("passive", "active")]
)
async def test_s4_4_4_setup_is_answered_with_the_other_role(
    whip: SignallingClient, offered: str, answered: str
) -> None:
    # passive is more than §4.4.4 asks for: the muxer of FFmpeg 8 offers it.
    response = await whip.post(publisher_offer(setup=offered))
    assert response.status_code == 201
    assert response.text.count(f"a=setup:{answered}\r\n") == 2


async def test_s4_4_5_answer_is_of_an_ice_lite_agent_that_takes_trickled_candidates(
    whip: SignallingClient,
) -> None:
    answer = (await whip.post()).text.split("\r\n")
    session_level = answer[: next(n for n, line in enumerate(answer) if line.startswith("m="))]
    assert "a=ice-lite" in session_level
    assert "a=ice-options:trickle ice2" in session_level


@pytest.mark.parametrize("path", ["/whip/room/", "/whip//room"])
async def test_s4_5_nothing_is_ever_redirected_as_get(whip: SignallingClient, path: str) -> None:
    response = await whip.request("POST", path, content=whip.offer, headers={"Content-Type": SDP_TYPE})
    assert response.status_code not in range(300, 400)


async def test_s4_5_overload_is_503_with_retry_after(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_sessions=1) as node:
        whip = SignallingClient(node, "whip")
        await whip.opened()
        response = await whip.post()
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) >= 1


async def test_s4_6_ice_servers_are_links_of_the_created_answer_only(tmp_path: Path) -> None:
    async with node_on_fake(
        tmp_path, media_ice_servers="stun:stun.example.net,turn:turn.example.net?transport=udp"
    ) as node:
        whip = SignallingClient(node, "whip")
        links = (await whip.post()).headers.get_list("link")
        assert [re.match(r'<([^>]+)>; *rel="ice-server"', link)[1] for link in links] == [
            "stun:stun.example.net",
            "turn:turn.example.net?transport=udp",
        ]
        # A preflight must not cost the making of credentials.
        assert "link" not in (await whip.request("OPTIONS", whip.endpoint)).headers


async def test_s4_6_credentials_of_turn_servers_are_attributes_of_their_links(tmp_path: Path) -> None:
    async with node_on_fake(
        tmp_path,
        media_ice_servers="stun:stun.example.net",
        turn_urls="turn:turn.example.net?transport=udp,turns:turn.example.net?transport=tcp",
        turn_secret="of both servers",
    ) as node:
        whip = SignallingClient(node, "whip")
        links = (await whip.post()).headers.get_list("link")
        assert links[0] == '<stun:stun.example.net>; rel="ice-server"'
        for link, scheme in zip(links[1:], ("turn", "turns"), strict=True):
            assert re.fullmatch(
                rf'<{scheme}:[^>]+>; rel="ice-server"; username="[^"]+"; '
                r'credential="[^"]+"; credential-type="password"',
                link,
            )
        assert "link" not in (await whip.request("OPTIONS", whip.endpoint)).headers


async def test_s4_7_requests_without_a_token_are_401_with_a_challenge(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    for method, path, content_type in (
        ("POST", whip.endpoint, SDP_TYPE),
        ("PATCH", location, FRAGMENT_TYPE),
        ("DELETE", location, ""),
    ):
        response = await whip.request(
            method, path, content=whip.offer, headers={"Content-Type": content_type} if content_type else {}
        )
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_s4_7_1_name_of_the_scheme_has_no_case(node: NodeOnFake, whip: SignallingClient) -> None:
    headers = {"Authorization": f"bEARER {node.mint.mint()}", "Content-Type": SDP_TYPE}
    response = await whip.request("POST", whip.endpoint, content=whip.offer, headers=headers)
    assert response.status_code == 201


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Token"])
async def test_s4_7_1_other_schemes_are_401(node: NodeOnFake, whip: SignallingClient, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {node.mint.mint()}", "Content-Type": SDP_TYPE}
    response = await whip.request("POST", whip.endpoint, content=whip.offer, headers=headers)
    assert response.status_code == 401


async def test_s4_7_1_bad_expired_and_foreign_tokens_are_401(
    node: NodeOnFake, whip: SignallingClient
) -> None:
    for token in ("x", node.mint.mint(ttl_s=-60), TokenMint().mint()):
        assert (await whip.post(token=token)).status_code == 401


async def test_s4_7_1_token_without_the_grant_or_for_another_room_is_403(
    node: NodeOnFake, whip: SignallingClient
) -> None:
    for token in (node.mint.mint(grants=["watch"]), node.mint.mint(room="other")):
        assert (await whip.post(token=token)).status_code == 403


async def test_s4_8_simulcast_is_answered_by_receiving_what_was_offered_or_not_at_all(
    whip: SignallingClient,
) -> None:
    layers = (
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "a=rid:l send",
        "a=rid:m send",
        "a=rid:h send",
        "a=simulcast:send l;m;h",
    )
    response = await whip.post(offer(media("video", "0", "sendonly", [*VP8, *H264], extra=layers)))
    assert response.status_code == 201, response.text
    # RFC 8853 §5.3.2: the direction turned round, no rid that was not offered; §5.3.3: or nothing of it.
    said = re.findall(r"a=simulcast:(\S+) (\S+)\r\n", response.text)
    rids = re.findall(r"a=rid:(\S+) (\S+)", response.text)
    assert [direction for direction, _ in said] in ([], ["recv"])
    assert {direction for _, direction in rids} <= {"recv"}
    listed = {rid for _, text in said for rid in re.split("[;,]", text)}
    assert listed == {rid for rid, _ in rids}
    assert listed <= {"l", "m", "h"}


async def test_s4_9_no_extension_is_announced_or_needed(whip: SignallingClient) -> None:
    created = await whip.post()
    assert created.status_code == 201
    assert not any("urn:ietf:params:whip:ext" in link for link in created.headers.get_list("link"))


async def test_s5_burst_of_posts_is_bounded_and_told_when_to_come_back(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_max_handshakes=3) as node:
        whip = SignallingClient(node, "whip")
        answers = [await whip.post() for _ in range(5)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 503, 503]
        assert int(answers[-1].headers["retry-after"]) >= 1


async def test_s5_session_that_never_connects_gives_its_place_back(tmp_path: Path) -> None:
    async with node_on_fake(tmp_path, media_handshake_seconds=0.05) as node:
        whip = SignallingClient(node, "whip")
        await whip.opened()
        await until(lambda: node.engine.called("close_session"))
        assert len(node.node.services.registry) == 0


async def test_s5_session_urls_cannot_be_guessed(whip: SignallingClient) -> None:
    names = {(await whip.opened())[0].rsplit("/", 1)[1] for _ in range(20)}
    assert len(names) == 20
    # 20 characters of base64url are 120 random bits; a version 4 UUID has 122.
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", name) for name in names)


async def test_s5_session_of_another_is_as_good_as_none(node: NodeOnFake, whip: SignallingClient) -> None:
    location, etag = await whip.opened()
    stranger = bearer(node.mint.mint("stranger"))
    deleted = await whip.request("DELETE", location, headers=stranger)
    patched = await whip.request(
        "PATCH",
        location,
        content=TRICKLE,
        headers=stranger | {"If-Match": etag, "Content-Type": FRAGMENT_TYPE},
    )
    assert (deleted.status_code, patched.status_code) == (404, 404)
    assert (await whip.delete(location)).status_code == 200


async def test_s5_flood_of_patches_is_429_and_spares_the_session(whip: SignallingClient) -> None:
    location, etag = await whip.opened()
    answers = [await whip.patch(location, TRICKLE, if_match=etag) for _ in range(80)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) > 10
    assert int(refused[-1].headers["retry-after"]) >= 1
    assert {answer.status_code for answer in answers} == {204, 429}
    assert (await whip.delete(location)).status_code == 200


async def test_s5_flood_of_guesses_at_sessions_is_429_for_the_guesser_alone(
    node: NodeOnFake, whip: SignallingClient
) -> None:
    location, _ = await whip.opened()
    guesser = bearer(node.mint.mint("guesser"))
    guesses = [await whip.request("DELETE", f"/whip/room/{n:020}", headers=guesser) for n in range(50)]
    assert {answer.status_code for answer in guesses} == {404, 429}
    assert (await whip.delete(location)).status_code == 200
