"""Answers: formats by meaning, slots by order, one bundled passive transport."""

import pytest
from aiortc.sdp import SessionDescription

from streaming.errors import CodecNotAccepted, SdpUnsupported
from streaming.rooms.negotiation import Negotiated, negotiate_publisher, negotiate_viewer
from streaming.sdp.answer import LocalTransport
from tests.support.offers import (
    H264,
    OPUS,
    VP8,
    data_channel,
    media,
    offer,
    publisher_offer,
    video_codec,
    viewer_offer,
)

LOCAL = LocalTransport(
    "ufrag123", "p" * 24, ":".join(["CD"] * 32), ("1 1 udp 2130706431 192.0.2.1 8001 typ host",)
)


def publish(text: str, codecs: tuple[str, ...] = ("H264", "VP8")) -> Negotiated:
    return negotiate_publisher(text, "camera", codecs, LOCAL)


def media_blocks(answer: str) -> list[str]:
    return [f"m={block}" for block in answer.split("m=")[1:]]


def test_publisher_sends_constrained_baseline_with_packetization_mode_1() -> None:
    video = publish(publisher_offer()).publications[1]
    assert (video.codec, video.pt) == ("H264", {"106": "media", "107": "rtx"})
    assert (video.ssrc, video.rtx_ssrc) == ([4001], [4002])
    assert video.ext == {"mid": 4, "abs_send_time": 2}
    assert video.feedback == {"nack": True, "pli": True, "remb": True}


def test_publisher_answer_never_accepts_transport_cc() -> None:
    answer = publish(publisher_offer()).answer
    assert "transport-cc" not in answer
    assert "transport-wide" not in answer
    assert "a=rtcp-fb:106 goog-remb" in answer


def test_publisher_is_asked_when_it_sent_its_packets() -> None:
    assert "abs-send-time" in publish(publisher_offer()).answer


def test_publisher_may_send_up_to_level_4_when_levels_may_differ() -> None:
    assert "profile-level-id=42e028" in publish(publisher_offer()).answer
    fixed = video_codec(106, "H264", "packetization-mode=1;profile-level-id=42e01f")
    assert "profile-level-id=42e01f" in publish(publisher_offer(fixed)).answer


def test_answer_has_one_passive_ice_lite_transport() -> None:
    answer = publish(publisher_offer()).answer
    lines = answer.split("\r\n")
    assert "a=ice-lite" in lines
    assert "a=extmap-allow-mixed" in lines
    assert "a=group:BUNDLE 0 1" in lines
    assert lines.count("a=setup:passive") == lines.count("a=rtcp-mux") == lines.count("a=rtcp-rsize") == 2
    assert sum(line.startswith("a=candidate:") for line in lines) == 1
    assert lines.count("a=recvonly") == 2
    assert SessionDescription.parse(answer).media[0].ice_candidates[0].ip == "192.0.2.1"


def test_microphone_is_named_by_the_session_source() -> None:
    sources = [entry.source for entry in publish(publisher_offer()).publications]
    assert sources == ["microphone", "camera"]
    shared = negotiate_publisher(publisher_offer(), "screen", ("H264",), LOCAL).publications
    assert [entry.source for entry in shared] == ["screen", "screen"]


def test_vp8_is_taken_only_where_the_room_accepts_it() -> None:
    assert publish(publisher_offer(VP8)).publications[1].codec == "VP8"
    with pytest.raises(CodecNotAccepted):
        publish(publisher_offer(VP8), ("H264",))


def test_h264_without_packetization_mode_1_is_not_accepted() -> None:
    mode0 = video_codec(102, "H264", "packetization-mode=0;profile-level-id=42e01f")
    with pytest.raises(CodecNotAccepted):
        publish(publisher_offer(mode0), ("H264",))


def test_high_profile_is_the_last_choice() -> None:
    high = video_codec(
        112, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f", 113
    )
    assert publish(publisher_offer(high)).publications[0:][1].pt == {"112": "media", "113": "rtx"}
    assert publish(publisher_offer([*high, *H264])).publications[1].pt == {"106": "media", "107": "rtx"}


def test_ssrc_is_learned_when_the_offer_names_none() -> None:
    text = offer(media("video", "0", "sendonly", H264))
    assert publish(text).publications[0].ssrc == []


@pytest.mark.parametrize(
    "text",
    [
        viewer_offer(),
        offer(media("video", "0", "sendonly", H264), media("video", "1", "sendonly", H264)),
        offer(media("audio", "0", "sendonly", ["a=rtpmap:0 PCMU/8000"])),
    ],
    ids=["receiving", "two_videos", "no_opus"],
)
def test_publisher_offer_beyond_the_contract_is_unsupported(text: str) -> None:
    with pytest.raises(SdpUnsupported):
        publish(text)


def test_data_channel_is_rejected_with_port_zero_and_media_accepted() -> None:
    text = offer(data_channel(), media("video", "v", "sendonly", H264))
    answer = publish(text).answer
    blocks = media_blocks(answer)
    assert blocks[0].startswith("m=application 0 UDP/DTLS/SCTP webrtc-datachannel")
    assert "a=group:BUNDLE v\r\n" in answer
    assert "a=candidate:" in blocks[1]
    assert len(SessionDescription.parse(answer).media) == 2


def test_viewer_slots_follow_the_order_of_descriptions() -> None:
    negotiated = negotiate_viewer(viewer_offer(videos=3, audios=2), LOCAL)
    assert negotiated.subscription is not None
    assert [(entry.slot, entry.mid) for entry in negotiated.subscription.outputs] == [
        ("V0", "v0"),
        ("V1", "v1"),
        ("V2", "v2"),
        ("A0", "a0"),
        ("A1", "a1"),
    ]
    msids = [
        line.removeprefix("a=msid:") for line in negotiated.answer.split("\r\n") if line.startswith("a=msid:")
    ]
    assert msids == ["V0 V0", "V1 V1", "V2 V2", "V0 A0", "A1 A1"]


def test_viewer_may_come_before_the_codec_is_known() -> None:
    negotiated = negotiate_viewer(viewer_offer(), LOCAL)
    assert negotiated.subscription is not None
    video, sound = negotiated.subscription.outputs
    assert video.pt == {"H264": [106, 107], "VP8": [96, 97]}
    assert sound.pt == {"opus": [111]}
    assert sound.rtx_ssrc is None
    assert f"a=ssrc-group:FID {video.ssrc} {video.rtx_ssrc}" in negotiated.answer


def test_a_viewer_is_measured_where_all_resends_are_rtx() -> None:
    negotiated = negotiate_viewer(viewer_offer(), LOCAL)
    assert negotiated.subscription is not None
    video, sound = negotiated.subscription.outputs
    assert (video.send_time_ext, sound.send_time_ext) == (2, None)
    sound_block, video_block = sorted(media_blocks(negotiated.answer))
    assert "a=rtcp-fb:106 goog-remb" in video_block
    assert "abs-send-time" in video_block
    assert "abs-send-time" not in sound_block
    plain = media("video", "0", "recvonly", video_codec(96, "VP8"))
    negotiated = negotiate_viewer(offer(plain), LOCAL)
    assert negotiated.subscription is not None
    assert negotiated.subscription.outputs[0].send_time_ext is None
    assert "goog-remb" not in negotiated.answer


def test_no_two_streams_of_a_viewer_share_an_ssrc() -> None:
    negotiated = negotiate_viewer(viewer_offer(videos=7, audios=3), LOCAL)
    assert negotiated.subscription is not None
    outputs = negotiated.subscription.outputs
    ssrcs = [number for entry in outputs for number in (entry.ssrc, entry.rtx_ssrc) if number is not None]
    assert len(ssrcs) == 7 * 2 + 3 == len(set(ssrcs))
    assert all(0 < number < 1 << 32 for number in ssrcs)


def test_reduced_size_rtcp_is_answered_only_when_offered() -> None:
    text = viewer_offer()
    assert negotiate_viewer(text, LOCAL).answer.count("a=rtcp-rsize") == 2
    assert "rtcp-rsize" not in negotiate_viewer(text.replace("a=rtcp-rsize\r\n", ""), LOCAL).answer


def test_more_descriptions_than_slots_are_rejected_alone() -> None:
    answer = negotiate_viewer(viewer_offer(videos=8, audios=4), LOCAL).answer
    assert sum("sendonly" in block for block in media_blocks(answer)) == 10
    assert sum(block.split()[1] == "0" for block in media_blocks(answer)) == 2


def test_viewer_without_any_common_codec_is_unsupported() -> None:
    text = offer(media("audio", "0", "recvonly", ["a=rtpmap:0 PCMU/8000"]))
    with pytest.raises(SdpUnsupported):
        negotiate_viewer(text, LOCAL)
    assert negotiate_viewer(offer(media("audio", "0", "recvonly", OPUS)), LOCAL).subscription
