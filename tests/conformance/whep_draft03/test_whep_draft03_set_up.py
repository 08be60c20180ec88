"""draft-ietf-wish-whep-03 §4.1 to §4.3 (HTTP usage, set-up, termination): what they ask of a server. Ids name
the section."""

from pathlib import Path

import pytest

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake, until
from tests.support.media_tokens import bearer
from tests.support.offers import OPUS, media, offer, publisher_offer, viewer_offer
from tests.support.signalling_requests import SDP_TYPE, TRICKLE, SignallingClient


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


@pytest.fixture
def whep(node: NodeOnFake) -> SignallingClient:
    return SignallingClient(node, "whep")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_s4_1_get_succeeds_without_content(whep: SignallingClient, method: str) -> None:
    location, _ = await whep.opened()
    for path in (whep.endpoint, location):
        response = await whep.request(method, path)
        assert (response.status_code, response.content) == (204, b"")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_s4_1_endpoint_refuses_other_methods(whep: SignallingClient, method: str) -> None:
    assert (await whep.request(method, whep.endpoint)).status_code == 405


async def test_s4_1_every_refusal_is_a_problem_document(whep: SignallingClient) -> None:
    location, _ = await whep.opened()
    for response in (
        await whep.post("nonsense"),
        await whep.post(content_type="application/json"),
        await whep.patch(location, TRICKLE, if_match=None),
        await whep.request("DELETE", location),
    ):
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code


async def test_s4_2_1_offer_is_answered_201_with_sdp_and_a_location(whep: SignallingClient) -> None:
    response = await whep.post()
    assert response.status_code == 201
    assert response.headers["content-type"] == SDP_TYPE
    assert response.text.startswith("v=0\r\n")
    assert response.headers["location"].startswith("/whep/room/")
    assert (await whep.request("GET", response.headers["location"])).status_code == 204


async def test_s4_2_1_player_may_come_before_the_publisher(node: NodeOnFake) -> None:
    await node.connected("whep", "v1")
    assert (await node.control("GET", "/rooms/room")).json()["publications"] == []
    await node.connected("whip", "p1")
    assert node.engine.slots["room", "V0"] is not None


async def test_s4_2_2_a_counter_offer_is_never_made(whep: SignallingClient) -> None:
    # It is the server's choice; an offer that cannot be answered is refused for good.
    nothing = offer(media("video", "0", "recvonly", ["a=rtpmap:45 AV1/90000"]))
    for text in (viewer_offer(), viewer_offer(3, 3), nothing):
        assert (await whep.post(text)).status_code in (201, 422)


async def test_s4_2_2_an_answer_by_patch_is_415(whep: SignallingClient) -> None:
    location, etag = await whep.opened()
    response = await whep.patch(location, viewer_offer(), if_match=etag, content_type=SDP_TYPE)
    assert response.status_code == 415


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", None])
async def test_s4_2_4_post_without_sdp_content_type_is_415(
    whep: SignallingClient, content_type: str | None
) -> None:
    assert (await whep.post(content_type=content_type)).status_code == 415


@pytest.mark.parametrize("body", ["", "v=1", "v=0\r\nm=nonsense\r\n", b"v=0\r\n\xff"], ids=repr)
async def test_s4_2_4_malformed_sdp_is_refused_and_leaves_nothing_behind(
    node: NodeOnFake, whep: SignallingClient, body: str | bytes
) -> None:
    assert (await whep.post(body)).status_code in (400, 422)
    assert not node.engine.calls


@pytest.mark.parametrize("direction", ["recvonly", "sendrecv"])
async def test_s4_2_5_answer_is_sendonly_to_recvonly_and_sendrecv(
    whep: SignallingClient, direction: str
) -> None:
    answer = (await whep.post(viewer_offer().replace("a=recvonly", f"a={direction}"))).text
    assert answer.count("a=sendonly\r\n") == 2
    assert "a=recvonly" not in answer
    assert "a=sendrecv" not in answer


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_s4_2_5_offers_that_receive_nothing_are_refused(whep: SignallingClient, direction: str) -> None:
    assert (await whep.post(viewer_offer().replace("a=recvonly", f"a={direction}"))).status_code == 422
    assert (await whep.post(publisher_offer())).status_code == 422


async def test_s4_2_6_every_codec_the_room_may_switch_to_is_answered(whep: SignallingClient) -> None:
    answer = (await whep.post()).text
    for codec in ("H264/90000", "VP8/90000", "opus/48000/2"):
        assert f" {codec}\r\n" in answer


async def test_s4_2_8_session_without_consent_ends(node: NodeOnFake) -> None:
    location, engine_id, _ = await node.connected("whep")
    node.engine.emit("consent_lost", engine_id)
    node.engine.emit("expired", engine_id)
    await until(lambda: (engine_id,) in node.engine.called("close_session"))
    assert (await node.http.get(location)).status_code == 404


async def test_s4_2_8_dtls_teardown_by_the_player_ends_the_session(node: NodeOnFake) -> None:
    location, engine_id, peer = await node.connected("whep")
    assert peer.dtls is not None
    await peer.dtls.stop()
    await until(lambda: (engine_id,) in node.engine.called("close_session"))
    assert (await node.http.get(location)).status_code == 404


async def test_s4_3_delete_ends_the_session_with_200(whep: SignallingClient) -> None:
    location, _ = await whep.opened()
    assert (await whep.delete(location)).status_code == 200
    assert (await whep.delete(location)).status_code == 404


async def test_s4_3_delete_frees_what_the_media_server_holds_and_ends_dtls(node: NodeOnFake) -> None:
    location, engine_id, peer = await node.connected("whep")
    await node.http.delete(location, headers=bearer(node.mint.mint()))
    assert peer.dtls is not None
    await until(lambda: peer.dtls.state == "closed")
    await until(lambda: (engine_id,) in node.engine.called("close_session"))
    assert engine_id not in node.engine.sessions


async def test_s4_3_preflight_is_200_for_any_origin_without_a_token(whep: SignallingClient) -> None:
    location, _ = await whep.opened()
    for path, method in ((whep.endpoint, "POST"), (location, "PATCH"), (location, "DELETE")):
        response = await whep.request(
            "OPTIONS",
            path,
            headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": method},
        )
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "*"
        assert method in response.headers["access-control-allow-methods"]
        assert response.headers["accept-post"] == SDP_TYPE


async def test_s4_2_1_picture_without_a_common_codec_leaves_the_sound(whep: SignallingClient) -> None:
    # The draft has no rule against partly successful answers; a player hears rather than fails.
    text = offer(
        media("audio", "0", "recvonly", OPUS), media("video", "1", "recvonly", ["a=rtpmap:45 AV1/90000"])
    )
    answer = (await whep.post(text)).text
    assert "m=video 0 UDP/TLS/RTP/SAVPF 45" in answer
    assert "a=group:BUNDLE 0\r\n" in answer
