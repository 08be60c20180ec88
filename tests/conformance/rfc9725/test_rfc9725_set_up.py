"""RFC 9725 §4.1 (HTTP usage) and §4.2 (ingest session set-up): what they ask of a server. Ids carry the
section."""

import re
from pathlib import Path

import pytest

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake, until
from tests.support.media_tokens import bearer
from tests.support.offers import H264, OPUS, VP8, media, offer, publisher_offer
from tests.support.signalling_requests import SDP_TYPE, TRICKLE, SignallingClient


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


@pytest.fixture
def whip(node: NodeOnFake) -> SignallingClient:
    return SignallingClient(node, "whip")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_s4_1_get_succeeds_without_content(whip: SignallingClient, method: str) -> None:
    location, _ = await whip.opened()
    for path in (whip.endpoint, location):
        response = await whip.request(method, path)
        assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_s4_1_endpoint_refuses_other_methods(whip: SignallingClient, method: str) -> None:
    assert (await whip.request(method, whip.endpoint)).status_code == 405


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_s4_1_session_refuses_other_methods(whip: SignallingClient, method: str) -> None:
    location, _ = await whip.opened()
    assert (await whip.request(method, location)).status_code == 405


async def test_s4_1_every_refusal_is_a_problem_document_that_names_its_cause(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    for response in (
        await whip.post("nonsense"),
        await whip.post(content_type="application/json"),
        await whip.patch(location, TRICKLE, if_match=None),
        await whip.request("DELETE", location),
        await whip.request("PUT", whip.endpoint),
        await whip.request("GET", "/whip/room/none"),
    ):
        assert 400 <= response.status_code < 500
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert re.fullmatch(r"[a-z_]+", problem["code"])


async def test_s4_2_offer_is_answered_201_with_sdp_and_a_location(whip: SignallingClient) -> None:
    response = await whip.post()
    assert response.status_code == 201
    assert response.headers["content-type"] == SDP_TYPE
    assert response.text.startswith("v=0\r\n")
    assert response.headers["location"].startswith("/whip/room/")
    assert (await whip.request("GET", response.headers["location"])).status_code == 204


async def test_s4_2_location_of_every_session_is_another(whip: SignallingClient) -> None:
    assert (await whip.opened())[0] != (await whip.opened())[0]


async def test_s4_2_answer_has_the_offered_descriptions_in_order(whip: SignallingClient) -> None:
    answer = (await whip.post()).text.split("\r\n")
    assert [line.split()[0] for line in answer if line.startswith("m=")] == ["m=audio", "m=video"]
    assert [line for line in answer if line.startswith("a=mid:")] == ["a=mid:0", "a=mid:1"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/sdpx", None])
async def test_s4_2_post_without_sdp_content_type_is_415(
    whip: SignallingClient, content_type: str | None
) -> None:
    assert (await whip.post(content_type=content_type)).status_code == 415


async def test_s4_2_parameters_of_the_content_type_do_not_matter(whip: SignallingClient) -> None:
    assert (await whip.post(content_type="Application/SDP; charset=utf-8")).status_code == 201


@pytest.mark.parametrize("body", ["", "v=1", "v=0\r\nm=nonsense\r\n", b"v=0\r\n\xff\xfe"], ids=repr)
async def test_s4_2_malformed_sdp_is_400_and_leaves_nothing_behind(
    node: NodeOnFake, whip: SignallingClient, body: str | bytes
) -> None:
    response = await whip.post(body)
    assert response.status_code in (400, 422)
    assert not node.engine.calls
    assert (await node.control("GET", "/rooms/room")).status_code == 404


@pytest.mark.parametrize("direction", ["sendonly", "sendrecv"])
async def test_s4_2_answer_is_recvonly_to_sendonly_and_sendrecv(
    whip: SignallingClient, direction: str
) -> None:
    answer = (await whip.post(publisher_offer().replace("a=sendonly", f"a={direction}"))).text
    assert answer.count("a=recvonly\r\n") == 2
    assert "a=sendonly" not in answer
    assert "a=sendrecv" not in answer


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
async def test_s4_2_offers_that_send_nothing_are_refused(whip: SignallingClient, direction: str) -> None:
    assert (await whip.post(publisher_offer().replace("a=sendonly", f"a={direction}"))).status_code == 422


async def test_s4_2_bundle_only_descriptions_of_a_max_bundle_offer_are_accepted(
    whip: SignallingClient,
) -> None:
    sound = media("audio", "0", "sendonly", OPUS, ssrcs=(3001,))
    transport = ("a=ice-", "a=fingerprint", "a=setup", "a=rtcp-mux", "a=rtcp:", "c=")
    picture = [
        line
        for line in media("video", "1", "sendonly", [*VP8, *H264], port=0, extra=("a=bundle-only",))
        if not line.startswith(transport)
    ]
    response = await whip.post(offer(sound, picture))
    assert response.status_code == 201, response.text
    assert "a=group:BUNDLE 0 1\r\n" in response.text
    assert "m=video 9 " in response.text


async def test_s4_2_delete_ends_the_session_with_200(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    assert (await whip.delete(location)).status_code == 200
    assert (await whip.delete(location)).status_code == 404
    assert (await whip.request("GET", location)).status_code == 404


async def test_s4_2_delete_frees_what_the_media_server_holds_and_ends_dtls(node: NodeOnFake) -> None:
    location, engine_id, peer = await node.connected("whip")
    await node.http.delete(location, headers=bearer(node.mint.mint()))
    assert peer.dtls is not None
    await until(lambda: peer.dtls.state == "closed")
    # With the session the engine forgets its ICE password: no check is answered any more (RFC 7675 §5.2).
    await until(lambda: (engine_id,) in node.engine.called("close_session"))
    assert engine_id not in node.engine.sessions
    assert len(node.engine.called("unpublish")) == 2
    assert (await node.control("GET", "/rooms/room")).status_code == 404


async def test_s4_2_dtls_teardown_by_the_client_ends_the_session(node: NodeOnFake) -> None:
    location, engine_id, peer = await node.connected("whip")
    assert peer.dtls is not None
    await peer.dtls.stop()
    await until(lambda: (engine_id,) in node.engine.called("close_session"))
    assert (await node.http.get(location)).status_code == 404


async def test_s4_2_session_without_consent_ends(node: NodeOnFake) -> None:
    location, engine_id, _ = await node.connected("whip")
    node.engine.emit("consent_lost", engine_id)
    node.engine.emit("expired", engine_id)
    await until(lambda: (engine_id,) in node.engine.called("close_session"))
    assert (await node.http.get(location)).status_code == 404


async def test_s4_2_preflight_is_200_for_any_origin_without_a_token(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    for path, method in ((whip.endpoint, "POST"), (location, "PATCH"), (location, "DELETE")):
        response = await whip.request(
            "OPTIONS",
            path,
            headers={
                "Origin": "https://elsewhere.example",
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization,content-type,if-match",
            },
        )
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "*"
        assert method in response.headers["access-control-allow-methods"]
        allowed = response.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in ("authorization", "content-type", "if-match"))


async def test_s4_2_any_options_answer_names_what_may_be_posted(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    for path in (whip.endpoint, location):
        assert (await whip.request("OPTIONS", path)).headers["accept-post"] == SDP_TYPE


async def test_s4_2_pages_of_any_origin_may_read_what_they_need(whip: SignallingClient) -> None:
    for response in (await whip.post(), await whip.post("nonsense")):
        assert response.headers["access-control-allow-origin"] == "*"
        exposed = {name.strip() for name in response.headers["access-control-expose-headers"].split(",")}
        assert {"Location", "ETag", "Link"} <= exposed
