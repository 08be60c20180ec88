"""Offers as browsers write them, with the parts tests vary. Written by hand after what Chromium 156 sends."""

FINGERPRINT = ":".join(["AB"] * 32)
H264_CONSTRAINED = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
H264_BASELINE = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"
VIDEO_FEEDBACK = ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")


def video_codec(number: int, rtpmap: str, fmtp: str | None = None, rtx: int | None = None) -> list[str]:
    """The lines of one video codec with its feedback and its retransmission format."""
    lines = [f"a=rtpmap:{number} {rtpmap}/90000", *(f"a=rtcp-fb:{number} {kind}" for kind in VIDEO_FEEDBACK)]
    if fmtp:
        lines.append(f"a=fmtp:{number} {fmtp}")
    if rtx is not None:
        lines += [f"a=rtpmap:{rtx} rtx/90000", f"a=fmtp:{rtx} apt={number}"]
    return lines


VP8 = video_codec(96, "VP8", rtx=97)
H264 = [
    # Packetization mode 0 and the unconstrained profile come first, as browsers mix them.
    *video_codec(102, "H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f", 103),
    *video_codec(104, "H264", H264_BASELINE, 105),
    *video_codec(106, "H264", H264_CONSTRAINED, 107),
    *video_codec(108, "H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f", 109),
]
OPUS = [
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-fb:111 transport-cc",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:0 PCMU/8000",
]


def media(
    kind: str,
    mid: str,
    direction: str,
    codecs: list[str],
    *,
    fingerprint: str = FINGERPRINT,
    setup: str = "actpass",
    ufrag: str = "EsAw",
    ssrcs: tuple[int, ...] = (),
    port: int = 9,
    extra: tuple[str, ...] = (),
) -> list[str]:
    """One media description."""
    numbers = " ".join(
        line.split()[0].removeprefix("a=rtpmap:") for line in codecs if line.startswith("a=rtpmap:")
    )
    lines = [
        f"m={kind} {port} UDP/TLS/RTP/SAVPF {numbers}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{ufrag}",
        "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {fingerprint}",
        f"a=setup:{setup}",
        f"a=mid:{mid}",
        "a=extmap:2/sendrecv http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        *(["a=extmap:14 urn:ietf:params:rtp-hdrext:ssrc-audio-level"] if kind == "audio" else []),
        f"a={direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        *codecs,
        *extra,
    ]
    if ssrcs:
        if len(ssrcs) == 2:
            lines.append(f"a=ssrc-group:FID {ssrcs[0]} {ssrcs[1]}")
        lines += [f"a=ssrc:{ssrc} cname:yfKx1l2S" for ssrc in ssrcs]
    return lines


def offer(*descriptions: list[str], bundle: str | None = None) -> str:
    """A session description around media descriptions; all are bundled unless `bundle` says otherwise."""
    mids = [
        line.removeprefix("a=mid:") for lines in descriptions for line in lines if line.startswith("a=mid:")
    ]
    lines = [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {' '.join(mids) if bundle is None else bundle}",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS stream",
    ]
    return "\r\n".join([*lines, *(line for entry in descriptions for line in entry)]) + "\r\n"


def publisher_offer(
    video: list[str] | None = None,
    *,
    fingerprint: str = FINGERPRINT,
    setup: str = "actpass",
    has_video: bool = True,
) -> str:
    """Camera and microphone, as `addTransceiver(track, {direction: "sendonly"})` writes it."""
    sound = media("audio", "0", "sendonly", OPUS, fingerprint=fingerprint, setup=setup, ssrcs=(3001,))
    picture = media(
        "video",
        "1",
        "sendonly",
        video or [*VP8, *H264],
        fingerprint=fingerprint,
        setup=setup,
        ssrcs=(4001, 4002),
    )
    return offer(sound, *([picture] if has_video else []))


def viewer_offer(videos: int = 1, audios: int = 1, *, fingerprint: str = FINGERPRINT) -> str:
    """Receive-only transceivers, video first."""
    pictures = [
        media("video", f"v{n}", "recvonly", [*VP8, *H264], fingerprint=fingerprint) for n in range(videos)
    ]
    sounds = [media("audio", f"a{n}", "recvonly", OPUS, fingerprint=fingerprint) for n in range(audios)]
    return offer(*pictures, *sounds)


def data_channel() -> list[str]:
    """A data channel description."""
    return [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:actpass",
        "a=mid:data",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
    ]
