"""WHEP as draft-ietf-wish-whep-03 says it, section by section, where it is not WHIP word for word."""

from pathlib import Path

import pytest

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake
from tests.support.media_tokens import bearer
from tests.support.offers import OPUS, media, offer, publisher_offer, viewer_offer

FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


async def test_s4_1_get_and_head_succeed_without_content(node: NodeOnFake) -> None:
    for method in ("GET", "HEAD"):
        response = await node.http.request(method, "/whep/room")
        assert (response.status_code, response.content) == (204, b"")


async def test_s4_1_endpoint_refuses_other_methods(node: NodeOnFake) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await node.http.request(method, "/whep/room")).status_code == 405


async def test_s4_2_player_offer_is_answered_201_sendonly(node: NodeOnFake) -> None:
    response = await node.post("whep", offer=viewer_offer())
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/sdp"
    assert response.headers["location"].startswith("/whep/room/")
    assert response.headers["etag"].startswith('"')
    assert response.text.count("a=sendonly") == 2


async def test_s4_2_player_may_come_before_the_publisher(node: NodeOnFake) -> None:
    await node.connected("whep", "v1")
    assert (await node.control("GET", "/rooms/room")).json()["publications"] == []
    await node.connected("whip", "p1")
    assert node.engine.slots["room", "V0"] is not None


async def test_s4_2_delete_ends_the_session_with_200(node: NodeOnFake) -> None:
    location = (await node.post("whep", offer=viewer_offer())).headers["location"]
    assert (await node.http.delete(location, headers=bearer(node.mint.mint()))).status_code == 200
    assert (await node.http.delete(location, headers=bearer(node.mint.mint()))).status_code == 404


async def test_s4_2_sending_offer_is_refused(node: NodeOnFake) -> None:
    response = await node.post("whep", offer=publisher_offer())
    assert (response.status_code, response.json()["code"]) == (422, "sdp_unsupported")


async def test_s4_2_options_names_what_may_be_posted(node: NodeOnFake) -> None:
    response = await node.http.options("/whep/room")
    assert (response.status_code, response.headers["accept-post"]) == (204, "application/sdp")


async def test_s4_3_restart_keeps_slots_and_subscription(node: NodeOnFake) -> None:
    location, _, _ = await node.connected("whep", "p1")
    response = await node.http.patch(
        location,
        content="a=ice-ufrag:nEw1\r\na=ice-pwd:aNewPasswordOf24Chars+++\r\n",
        headers=bearer(node.mint.mint()) | FRAGMENT | {"If-Match": "*"},
    )
    assert response.status_code == 200
    assert response.headers["etag"]
    assert len(node.engine.called("subscribe")) == 1
    assert not node.engine.called("close_session")


async def test_s4_3_patch_conditions_are_those_of_whip(node: NodeOnFake) -> None:
    created = await node.post("whep", offer=viewer_offer())
    location, etag = created.headers["location"], created.headers["etag"]
    fragment = "a=ice-ufrag:EsAw\r\na=end-of-candidates\r\n"
    for headers, status in (({}, 428), ({"If-Match": '"old"'}, 412), ({"If-Match": etag}, 204)):
        response = await node.http.patch(
            location, content=fragment, headers=bearer(node.mint.mint()) | FRAGMENT | headers
        )
        assert response.status_code == status


async def test_s4_4_2_picture_and_sound_of_a_plain_player_are_one_media_stream(node: NodeOnFake) -> None:
    answer = (await node.post("whep", offer=viewer_offer())).text
    streams = {line.split()[0] for line in answer.split("\r\n") if line.startswith("a=msid:")}
    assert streams == {"a=msid:V0"}


async def test_s4_4_description_without_a_common_codec_is_rejected_alone(node: NodeOnFake) -> None:
    text = offer(
        media("audio", "0", "recvonly", OPUS), media("video", "1", "recvonly", ["a=rtpmap:45 AV1/90000"])
    )
    answer = (await node.post("whep", offer=text)).text
    assert "m=video 0 UDP/TLS/RTP/SAVPF 45" in answer
    assert "a=group:BUNDLE 0\r\n" in answer


@pytest.mark.parametrize("grants", [["publish"], ["control"], []], ids=str)
async def test_s4_5_watching_needs_the_watch_grant(node: NodeOnFake, grants: list[str]) -> None:
    response = await node.http.post(
        "/whep/room",
        content=viewer_offer(),
        headers=bearer(node.mint.mint(grants=grants)) | {"Content-Type": "application/sdp"},
    )
    assert (response.status_code, response.json()["code"]) == (403, "grant_missing")
