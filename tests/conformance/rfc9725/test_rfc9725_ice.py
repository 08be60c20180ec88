"""RFC 9725 §4.3 (PATCH, trickle ICE, ICE restarts): what it asks of a server. Ids carry the section."""

import re
from pathlib import Path

import pytest

from tests.support.media_node_on_fake import NodeOnFake, node_on_fake
from tests.support.offers import publisher_offer
from tests.support.signalling_requests import FRAGMENT_TYPE, RESTART, SDP_TYPE, TRICKLE, SignallingClient


@pytest.fixture
async def node(tmp_path: Path):
    async with node_on_fake(tmp_path) as running:
        yield running


@pytest.fixture
def whip(node: NodeOnFake) -> SignallingClient:
    return SignallingClient(node, "whip")


async def test_s4_3_1_session_says_that_it_takes_fragments(whip: SignallingClient) -> None:
    created = await whip.post()
    assert created.headers["accept-patch"] == FRAGMENT_TYPE
    shown = await whip.request("OPTIONS", created.headers["location"])
    assert shown.headers["accept-patch"] == FRAGMENT_TYPE


@pytest.mark.parametrize("content_type", [SDP_TYPE, "text/plain"])
async def test_s4_3_1_patch_with_another_content_type_is_415(
    whip: SignallingClient, content_type: str
) -> None:
    location, etag = await whip.opened()
    response = await whip.patch(location, TRICKLE, if_match=etag, content_type=content_type)
    assert response.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "a=candidate:1 1 udp\r\n",
        "a=ice-ufrag:x\r\n",
        "a=ice-ufrag:nEw1\r\na=ice-pwd:short\r\n",
    ],
    ids=repr,
)
async def test_s4_3_1_malformed_fragment_is_400(whip: SignallingClient, body: str) -> None:
    location, etag = await whip.opened()
    assert (await whip.patch(location, body, if_match=etag)).status_code == 400


async def test_s4_3_1_created_session_has_a_strong_etag_of_its_own(whip: SignallingClient) -> None:
    first, second = [(await whip.opened())[1] for _ in range(2)]
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', first)
    assert first != second


async def test_s4_3_1_patch_without_if_match_is_428(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    for body in (TRICKLE, RESTART):
        assert (await whip.patch(location, body, if_match=None)).status_code == 428


async def test_s4_3_1_patch_that_names_another_ice_session_is_412(whip: SignallingClient) -> None:
    location, etag = await whip.opened()
    # If-Match compares strongly (RFC 9110 §13.1.1): a weak tag never matches.
    for stale in ('"stale"', '""', f"W/{etag}"):
        assert (await whip.patch(location, TRICKLE, if_match=stale)).status_code == 412


async def test_s4_3_1_one_tag_of_a_list_suffices(whip: SignallingClient) -> None:
    location, etag = await whip.opened()
    assert (await whip.patch(location, TRICKLE, if_match=f'"other", {etag}')).status_code == 204


async def test_s4_3_1_delete_ignores_entity_tags(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    assert (await whip.delete(location, If_Match='"stale"')).status_code == 200


async def test_s4_3_1_patch_of_an_ended_session_is_404(whip: SignallingClient) -> None:
    location, etag = await whip.opened()
    await whip.delete(location)
    assert (await whip.patch(location, TRICKLE, if_match=etag)).status_code == 404


async def test_s4_3_2_answer_has_every_candidate_of_the_node_and_says_so(
    node: NodeOnFake, whip: SignallingClient
) -> None:
    answer = (await whip.post()).text.split("\r\n")
    candidates = [line.split() for line in answer if line.startswith("a=candidate:")]
    assert [(entry[4], int(entry[5])) for entry in candidates if entry[2] == "udp"] == [
        *node.node.services.announced
    ]
    assert "a=end-of-candidates" in answer


async def test_s4_3_2_offer_without_candidates_is_answered(whip: SignallingClient) -> None:
    assert "a=candidate" not in publisher_offer()
    assert (await whip.post()).status_code == 201


async def test_s4_3_2_trickled_candidates_are_204_without_body_and_etag(whip: SignallingClient) -> None:
    location, etag = await whip.opened()
    for body in (TRICKLE, "a=ice-ufrag:EsAw\r\na=end-of-candidates\r\n"):
        response = await whip.patch(location, body, if_match=etag)
        assert (response.status_code, response.content) == (204, b"")
        assert "etag" not in response.headers


async def test_s4_3_2_candidates_that_cannot_be_used_are_discarded_silently(whip: SignallingClient) -> None:
    location, etag = await whip.opened()
    for candidate in (
        "473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0",
        "1 1 sctp 1518280447 192.0.2.1 9 typ host",
        "2 1 udp 2113937151 5f0f2a2e-36b5-4a52-9b4b-8a2d4b1f6d0e.local 50000 typ host",
        "3 1 udp 2113937151 unresolvable.invalid 50000 typ host",
        "4 1 udp 2113937151 2001:db8::1 50000 typ srflx raddr :: rport 9",
    ):
        body = (
            f"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=candidate:{candidate}\r\n"
        )
        assert (await whip.patch(location, body, if_match=etag)).status_code == 204


async def test_s4_3_2_trickle_does_not_touch_the_ice_session(
    node: NodeOnFake, whip: SignallingClient
) -> None:
    location, etag = await whip.opened()
    for _ in range(3):
        assert (await whip.patch(location, TRICKLE, if_match=etag)).status_code == 204
    assert not node.engine.called("restart_ice")


async def test_s4_3_3_new_credentials_restart_ice_with_200_fragment_and_new_etag(
    node: NodeOnFake, whip: SignallingClient
) -> None:
    created = await whip.post()
    response = await whip.patch(created.headers["location"], RESTART, if_match="*")
    assert response.status_code == 200
    assert response.headers["content-type"] == FRAGMENT_TYPE
    assert re.fullmatch(r'"[^"]+"', response.headers["etag"])
    assert response.headers["etag"] != created.headers["etag"]
    lines = response.text.split("\r\n")
    _, ufrag, pwd = node.engine.called("restart_ice")[0]
    assert f"a=ice-ufrag:{ufrag}" in lines
    assert f"a=ice-pwd:{pwd}" in lines
    assert ufrag not in created.text
    assert {line for line in lines if line.startswith("a=candidate:")} == {
        line for line in created.text.split("\r\n") if line.startswith("a=candidate:")
    }


async def test_s4_3_3_fragment_has_the_tagged_description_of_the_bundle(whip: SignallingClient) -> None:
    location, _ = await whip.opened()
    lines = (await whip.patch(location, RESTART, if_match="*")).text.split("\r\n")
    assert "a=group:BUNDLE 0 1" in lines
    assert [line.split()[0] for line in lines if line.startswith("m=")] == ["m=audio"]
    assert "a=mid:0" in lines


async def test_s4_3_3_fragment_repeats_the_ice_attributes_of_the_answer(whip: SignallingClient) -> None:
    created = await whip.post()
    fragment = (await whip.patch(created.headers["location"], RESTART, if_match="*")).text

    def said(text: str) -> list[str]:
        return re.findall(r"a=ice-(?:lite|options:.*|pacing:.*)", text)

    assert said(fragment) == said(created.text)
    assert "a=ice-lite\r\n" in fragment


async def test_s4_3_3_old_etag_is_stale_after_a_restart_and_the_new_one_good(whip: SignallingClient) -> None:
    location, old = await whip.opened()
    new = (await whip.patch(location, RESTART, if_match="*")).headers["etag"]
    trickle = TRICKLE.replace("a=ice-ufrag:EsAw\r\n", "a=ice-ufrag:nEw1\r\n")
    assert (await whip.patch(location, trickle, if_match=old)).status_code == 412
    assert (await whip.patch(location, trickle, if_match=new)).status_code == 204


async def test_s4_3_3_restart_keeps_what_was_negotiated(node: NodeOnFake) -> None:
    location, _, _ = await node.connected("whip")
    kept = ("add_session", "publish", "unpublish", "set_keys", "close_session", "set_slot")
    before = [call for call in node.engine.calls if call[0] in kept]
    whip = SignallingClient(node, "whip")
    assert (await whip.patch(location, RESTART, if_match="*")).status_code == 200
    assert [call for call in node.engine.calls if call[0] in kept] == before


async def test_s4_3_3_restart_that_cannot_be_satisfied_keeps_the_session(
    node: NodeOnFake, whip: SignallingClient
) -> None:
    location, etag = await whip.opened()
    without_password = "a=ice-ufrag:nEw1\r\n"
    assert (await whip.patch(location, without_password, if_match="*")).status_code == 400
    assert not node.engine.called("restart_ice")
    assert (await whip.patch(location, TRICKLE, if_match=etag)).status_code == 204
    assert (await whip.patch(location, RESTART, if_match="*")).status_code == 200
