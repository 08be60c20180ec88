"""WHIP as RFC 9725 says it, section by section. Re-made after the server checks of the wish working group,
RFC codes."""

import re
from pathlib import Path

import pytest

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake
from tests.support.media_tokens import bearer
from tests.support.offers import H264, OPUS, media, offer, publisher_offer

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
TRICKLE = (
    "a=ice-ufrag:EsAw\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n"
    "a=end-of-candidates\r\n"
)
RESTART = "a=ice-ufrag:nEw1\r\na=ice-pwd:aNewPasswordOf24Chars+++\r\n"


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(
        tmp_path, media_ice_servers="stun:stun.example.net,turn:turn.example.net?transport=udp"
    ) as running:
        yield running


async def publish(node: NodeOnFake) -> tuple[str, str]:
    response = await node.post("whip", offer=publisher_offer())
    assert response.status_code == 201
    return response.headers["location"], response.headers["etag"]


async def patch(node: NodeOnFake, location: str, body: str, **headers: str):
    return await node.http.patch(
        location,
        content=body,
        headers=bearer(node.mint.mint())
        | FRAGMENT
        | {name.replace("_", "-"): value for name, value in headers.items()},
    )


async def test_s4_1_get_and_head_succeed_without_content(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    for path in ("/whip/room", location):
        for method in ("GET", "HEAD"):
            response = await node.http.request(method, path)
            assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_s4_1_endpoint_refuses_other_methods(node: NodeOnFake, method: str) -> None:
    response = await node.http.request(method, "/whip/room")
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"


async def test_s4_1_session_refuses_post(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    assert (await node.http.post(location)).status_code == 405


async def test_s4_2_offer_is_answered_201_with_location_and_sdp(node: NodeOnFake) -> None:
    response = await node.post("whip", offer=publisher_offer())
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/sdp"
    assert re.fullmatch(r"/whip/room/[A-Za-z0-9_-]{20}", response.headers["location"])
    assert response.text.startswith("v=0\r\n")
    assert "a=recvonly" in response.text


async def test_s4_2_delete_ends_the_session_with_200(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    assert (await node.http.delete(location, headers=bearer(node.mint.mint()))).status_code == 200
    assert (await node.http.delete(location, headers=bearer(node.mint.mint()))).status_code == 404


async def test_s4_2_options_names_what_may_be_posted_to_any_origin(node: NodeOnFake) -> None:
    response = await node.http.options(
        "/whip/room", headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    )
    assert response.status_code == 204
    assert response.headers["accept-post"] == "application/sdp"
    assert response.headers["access-control-allow-origin"] == "*"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "Authorization" in response.headers["access-control-allow-headers"]


async def test_s4_2_pages_may_read_what_they_need(node: NodeOnFake) -> None:
    response = await node.post("whip", offer=publisher_offer())
    exposed = {name.strip() for name in response.headers["access-control-expose-headers"].split(",")}
    assert {"Location", "ETag", "Link"} <= exposed


async def test_s4_2_other_content_types_are_415(node: NodeOnFake) -> None:
    response = await node.http.post(
        "/whip/room", content="{}", headers=bearer(node.mint.mint()) | {"Content-Type": "application/json"}
    )
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    assert response.headers["access-control-allow-origin"] == "*"


async def test_s4_3_1_created_session_has_a_strong_etag_and_takes_fragments(node: NodeOnFake) -> None:
    response = await node.post("whip", offer=publisher_offer())
    assert re.fullmatch(r'"[^"]+"', response.headers["etag"])
    assert response.headers["accept-patch"] == "application/trickle-ice-sdpfrag"


async def test_s4_3_1_patch_without_if_match_is_428(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    response = await patch(node, location, TRICKLE)
    assert (response.status_code, response.json()["code"]) == (428, "etag_missing")


async def test_s4_3_1_patch_with_a_stale_etag_is_412(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    response = await patch(node, location, TRICKLE, If_Match='"stale"')
    assert (response.status_code, response.json()["code"]) == (412, "etag_mismatch")


async def test_s4_3_1_patch_with_another_content_type_is_415(node: NodeOnFake) -> None:
    location, etag = await publish(node)
    response = await node.http.patch(
        location, content=TRICKLE, headers=bearer(node.mint.mint()) | SDP | {"If-Match": etag}
    )
    assert response.status_code == 415


async def test_s4_3_1_malformed_fragment_is_400(node: NodeOnFake) -> None:
    location, etag = await publish(node)
    response = await patch(node, location, "nonsense", If_Match=etag)
    assert (response.status_code, response.json()["code"]) == (400, "sdp_malformed")


async def test_s4_3_1_patch_of_an_ended_session_is_404(node: NodeOnFake) -> None:
    location, etag = await publish(node)
    await node.http.delete(location, headers=bearer(node.mint.mint()))
    assert (await patch(node, location, TRICKLE, If_Match=etag)).status_code == 404


async def test_s4_3_2_trickled_candidates_are_204_without_etag(node: NodeOnFake) -> None:
    location, etag = await publish(node)
    response = await patch(node, location, TRICKLE, If_Match=etag)
    assert (response.status_code, response.content) == (204, b"")
    assert "etag" not in response.headers


async def test_s4_3_3_restart_answers_new_credentials_and_etag(node: NodeOnFake) -> None:
    location, etag = await publish(node)
    response = await patch(node, location, RESTART, If_Match="*")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/trickle-ice-sdpfrag"
    assert response.headers["etag"] not in ("", etag)
    lines = response.text.split("\r\n")
    _, ufrag, pwd = node.engine.called("restart_ice")[0]
    assert f"a=ice-ufrag:{ufrag}" in lines
    assert f"a=ice-pwd:{pwd}" in lines
    assert "a=ice-lite" in lines
    assert sum(line.startswith("a=candidate:") for line in lines) == 2
    assert (await patch(node, location, TRICKLE, If_Match=etag)).status_code == 412


async def test_s4_3_3_restart_keeps_what_is_published(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    before = [call for call in node.engine.calls if call[0] in ("publish", "add_session")]
    await patch(node, location, RESTART, If_Match="*")
    assert [call for call in node.engine.calls if call[0] in ("publish", "add_session")] == before
    assert not node.engine.called("unpublish")


async def test_s4_4_1_offers_without_bundle_or_rtcp_mux_are_refused(node: NodeOnFake) -> None:
    for text in (
        offer(media("audio", "0", "sendonly", OPUS), bundle=""),
        publisher_offer().replace("a=rtcp-mux\r\n", ""),
    ):
        response = await node.post("whip", offer=text)
        assert (response.status_code, response.json()["code"]) == (422, "sdp_unsupported")


async def test_s4_4_3_no_partially_successful_answers(node: NodeOnFake) -> None:
    text = offer(
        media("video", "0", "sendonly", H264), media("audio", "1", "sendonly", ["a=rtpmap:0 PCMU/8000"])
    )
    assert (await node.post("whip", offer=text)).status_code == 422
    assert not node.engine.calls


async def test_s4_4_4_answer_is_passive_for_actpass_and_active(node: NodeOnFake) -> None:
    for setup in ("actpass", "active"):
        response = await node.post("whip", offer=publisher_offer(setup=setup))
        assert "a=setup:passive" in response.text


async def test_s4_6_ice_servers_are_links(node: NodeOnFake) -> None:
    response = await node.post("whip", offer=publisher_offer())
    assert response.headers.get_list("link") == [
        '<stun:stun.example.net>; rel="ice-server"',
        '<turn:turn.example.net?transport=udp>; rel="ice-server"',
    ]


async def test_s4_7_1_requests_without_a_token_are_401_with_a_challenge(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    for method, path, headers in (
        ("POST", "/whip/room", SDP),
        ("PATCH", location, FRAGMENT),
        ("DELETE", location, {}),
    ):
        response = await node.http.request(method, path, content=publisher_offer(), headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "token_missing")
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_s4_7_1_preflight_needs_no_token(node: NodeOnFake) -> None:
    location, _ = await publish(node)
    response = await node.http.options(location)
    assert response.status_code == 204
    assert response.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
