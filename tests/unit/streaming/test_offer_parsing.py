"""Offers parse, or raise SdpMalformed: nothing else."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.errors import SdpMalformed, SdpUnsupported
from streaming.sdp.fragment import parse_fragment
from streaming.sdp.offer_rules import require_transport
from streaming.sdp.session_description import h264_profile, parse_offer
from tests.support.offers import (
    FINGERPRINT,
    OPUS,
    VP8,
    data_channel,
    media,
    offer,
    publisher_offer,
    viewer_offer,
)

LINES = publisher_offer().split("\r\n")
LINE_STARTS = (
    "v=0",
    "o=",
    "s=",
    "t=",
    "c=IN IP4 ",
    "m=video ",
    "m=audio 9 UDP/TLS/RTP/SAVPF ",
    "a=rtpmap:",
    "a=fmtp:",
)
SDP_LINES = st.one_of(
    st.sampled_from(LINES),
    st.builds(lambda start, rest: start + rest, st.sampled_from(LINE_STARTS), st.text(max_size=30)),
    st.builds(lambda line, cut: line[:cut], st.sampled_from(LINES), st.integers(0, 40)),
)


@given(st.text())
def test_any_text_parses_or_is_malformed(text: str) -> None:
    for candidate in (text, f"v=0\r\n{text}"):
        with contextlib.suppress(SdpMalformed):
            parse_offer(candidate)


@given(st.lists(SDP_LINES, max_size=60))
def test_any_mixture_of_lines_is_answered_or_refused_with_a_code(lines: list[str]) -> None:
    with contextlib.suppress(SdpMalformed, SdpUnsupported):
        require_transport(parse_offer("\r\n".join(["v=0", *lines])))


@given(st.one_of(st.text(), st.lists(SDP_LINES).map("\r\n".join)))
def test_any_fragment_parses_or_is_malformed(text: str) -> None:
    with contextlib.suppress(SdpMalformed):
        parse_fragment(text)


def test_chromium_offer_keeps_what_aiortc_drops() -> None:
    parsed = parse_offer(publisher_offer())
    assert parsed.has_extmap_allow_mixed
    assert parsed.bundle == {"0", "1"}
    video = parsed.media[1]
    assert (video.ssrcs, video.ssrc_pairs) == ((4001, 4002), ((4001, 4002),))
    assert video.setup == "actpass"
    assert video.fingerprints == (("sha-256", FINGERPRINT),)
    assert "nack pli" in next(codec for codec in video.codecs if codec.payload_type == 106).feedback


def test_bundle_only_description_is_not_rejected() -> None:
    text = offer(
        media("audio", "0", "sendonly", OPUS),
        media("video", "1", "sendonly", VP8, port=0, extra=("a=bundle-only",)),
    )
    assert [entry.is_rejected for entry in parse_offer(text).media] == [False, False]


def test_port_zero_is_rejected() -> None:
    text = offer(media("audio", "0", "sendonly", OPUS), media("video", "1", "sendonly", VP8, port=0))
    assert [entry.is_rejected for entry in parse_offer(text).media] == [False, True]


def test_repeated_mid_is_malformed() -> None:
    with pytest.raises(SdpMalformed):
        parse_offer(offer(media("audio", "0", "sendonly", OPUS), media("video", "0", "sendonly", VP8)))


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (offer(media("audio", "0", "sendonly", OPUS), bundle=""), "BUNDLE"),
        (publisher_offer().replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (re.sub("a=(setup|fingerprint):.*\r\n", "", publisher_offer()), "setup"),
        (publisher_offer().replace("sha-256", "sha-1"), "fingerprint"),
        (publisher_offer().replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "UDP/TLS/RTP/SAVPF"),
        (offer(data_channel()), "audio or video"),
        ("\r\n".join(line for line in viewer_offer().split("\r\n") if "ice-ufrag" not in line), "ice-ufrag"),
    ],
)
def test_unusable_transport_is_named(text: str, missing: str) -> None:
    with pytest.raises(SdpUnsupported, match=missing):
        require_transport(parse_offer(text))


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("42e01f", "constrained_baseline"),
        ("4d801f", "constrained_baseline"),
        ("42001f", "baseline"),
        ("64001f", "high"),
        ("zz", None),
        ("ff00ff", None),
    ],
)
def test_h264_profile_is_compared_by_meaning(text: str, profile: str | None) -> None:
    assert h264_profile(text) == profile


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("a=mid:0", "a=mid:two words"),
        ("a=ssrc:3001", "a=ssrc:99999999999"),
        ("a=rtpmap:111 ", "a=rtpmap:200 "),
    ],
)
def test_values_out_of_range_are_malformed(good: str, bad: str) -> None:
    with pytest.raises(SdpMalformed):
        parse_offer(publisher_offer().replace(good, bad))
