"""Simulcast offers: which layers are answered, in which order the engine hears of them (RFC 8853)."""

import pytest

from streaming.rooms.negotiation import Negotiated, negotiate_publisher
from streaming.sdp.answer import LocalTransport
from streaming.sdp.layers import lowest_first
from tests.support.offers import OPUS, VP8, media, offer

LOCAL = LocalTransport(
    "ufrag123", "p" * 24, ":".join(["CD"] * 32), ("1 1 udp 2130706431 192.0.2.1 8001 typ host",)
)
EXTENSIONS = (
    "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
)
RIDS = ("a=rid:h send", "a=rid:m send", "a=rid:l send pt=96")


def publish(*extra: str, ssrcs: tuple[int, ...] = ()) -> Negotiated:
    sound = media("audio", "0", "sendonly", OPUS, ssrcs=(3001,))
    picture = media("video", "1", "sendonly", VP8, extra=extra, ssrcs=ssrcs)
    return negotiate_publisher(offer(sound, picture), "camera", ("VP8",), LOCAL)


def test_layers_are_answered_as_offered_and_told_lowest_first() -> None:
    negotiated = publish(*EXTENSIONS, *RIDS, "a=simulcast:send h;m;l")
    lines = negotiated.answer.split("\r\n")
    assert [line for line in lines if line.startswith("a=rid:")] == [
        "a=rid:h recv",
        "a=rid:m recv",
        "a=rid:l recv",
    ]
    assert "a=simulcast:recv h;m;l" in lines
    assert set(EXTENSIONS) <= set(lines)
    sound, picture = negotiated.publications
    assert (sound.rids, picture.rids) == ([], ["l", "m", "h"])
    assert picture.ext == {"mid": 4, "abs_send_time": 2, "rid": 10, "rrid": 11}


def test_ssrcs_that_do_not_say_their_layer_are_not_told() -> None:
    picture = publish(*EXTENSIONS, *RIDS, "a=simulcast:send l;m;h", ssrcs=(4001, 4002)).publications[1]
    assert (picture.ssrc, picture.rtx_ssrc) == ([], [])


def test_of_alternatives_the_first_is_taken_and_a_paused_layer_counts() -> None:
    picture = publish(*EXTENSIONS, *RIDS, "a=simulcast:recv x send l;~m,h").publications[1]
    assert picture.rids == ["l", "m"]


@pytest.mark.parametrize(
    "extra",
    [
        (*RIDS, "a=simulcast:send l;m;h"),  # Nothing would say the layer of a packet.
        (*EXTENSIONS, "a=simulcast:send l;m;h"),
        (*EXTENSIONS, *RIDS),
        (*EXTENSIONS, *RIDS, "a=simulcast:recv l;m;h"),
        (*EXTENSIONS, f"a=rid:{'x' * 17} send", f"a=simulcast:send {'x' * 17}"),
    ],
)
def test_without_all_it_takes_one_encoding_is_answered(extra: tuple[str, ...]) -> None:
    negotiated = publish(*extra)
    assert negotiated.publications[1].rids == []
    assert "a=simulcast" not in negotiated.answer
    assert "a=rid" not in negotiated.answer


def test_more_layers_than_three_are_cut() -> None:
    rids = [f"a=rid:{number} send" for number in range(5)]
    picture = publish(*EXTENSIONS, *rids, "a=simulcast:send 0;1;2;3;4").publications[1]
    assert picture.rids == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("offered", "ordered"),
    [("hml", "lmh"), ("fhq", "qhf"), ("hl", "lh"), ("fh", "hf"), ("ba", "ba"), ("", "")],
)
def test_layers_are_ordered_by_their_names(offered: str, ordered: str) -> None:
    assert lowest_first(list(offered)) == list(ordered)
