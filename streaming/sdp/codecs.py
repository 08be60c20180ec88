"""Chooses payload types by what they mean, never by number or order (RFC 6184 §8.2.2, RFC 7741 §6, RFC 7587
§7).

Payload types of one codec differ between senders and receivers of the same browser, so every leg is matched
anew.
"""

from dataclasses import dataclass

from streaming.sdp.session_description import OfferedCodec, OfferedMedia, h264_profile

VIDEO_CODECS = ("H264", "VP8")
# What browsers decode on phones comes first; the higher profiles are what OBS and hardware encoders send.
H264_PROFILE_ORDER = ("constrained_baseline", "baseline", "main", "constrained_high", "high")
H264_DEFAULT_PROFILE_LEVEL_ID = "42001f"
H264_LEVEL_4 = 0x28
OPUS_FMTP = "minptime=10;useinbandfec=1"
# transport-cc is never accepted: negotiated and unanswered it starves the publisher.
VIDEO_FEEDBACK = ("goog-remb", "ccm fir", "nack", "nack pli")


@dataclass(frozen=True, slots=True)
class MediaFormat:
    """One codec of an answer: payload types, the fmtp and the feedback accepted for it."""

    codec: str
    payload_type: int
    rtx_payload_type: int | None
    clock_rate_hz: int
    channels: int | None
    fmtp: str | None
    feedback: tuple[str, ...]


def choose_format(media: OfferedMedia, codec: str) -> MediaFormat | None:
    """Return the best payload type for "H264", "VP8" or "opus" in this description, None when not offered."""
    match codec:
        case "H264":
            return _choose_h264(media)
        case "VP8":
            return _choose_vp8(media)
        case "opus":
            return _choose_opus(media)
    raise ValueError(f"not a codec of this relay: {codec}")


def _choose_h264(media: OfferedMedia) -> MediaFormat | None:
    ranked = [
        (H264_PROFILE_ORDER.index(profile), index, offered)
        for index, offered in enumerate(media.codecs)
        if offered.name == "H264"
        and offered.clock_rate_hz == 90000
        and offered.parameters.get("packetization-mode") == "1"
        and (profile := h264_profile(_profile_level_id(offered))) in H264_PROFILE_ORDER
    ]
    if not ranked:
        return None
    offered = min(ranked)[2]
    fmtp = f"packetization-mode=1;profile-level-id={_answered_profile_level_id(offered)}"
    if _may_differ_in_level(offered):
        fmtp = f"level-asymmetry-allowed=1;{fmtp}"
    return _video_format(media, offered, "H264", fmtp)


def _choose_vp8(media: OfferedMedia) -> MediaFormat | None:
    offered = next(
        (codec for codec in media.codecs if codec.name == "VP8" and codec.clock_rate_hz == 90000), None
    )
    return _video_format(media, offered, "VP8", None) if offered else None


def _choose_opus(media: OfferedMedia) -> MediaFormat | None:
    for offered in media.codecs:
        if offered.name == "OPUS" and offered.clock_rate_hz == 48000 and offered.channels == 2:
            return MediaFormat("opus", offered.payload_type, None, 48000, 2, OPUS_FMTP, ())
    return None


def _video_format(media: OfferedMedia, offered: OfferedCodec, codec: str, fmtp: str | None) -> MediaFormat:
    rtx = next(
        (
            entry.payload_type
            for entry in media.codecs
            if entry.name == "RTX" and entry.parameters.get("apt") == str(offered.payload_type)
        ),
        None,
    )
    feedback = tuple(entry for entry in VIDEO_FEEDBACK if entry in offered.feedback)
    return MediaFormat(codec, offered.payload_type, rtx, 90000, None, fmtp, feedback)


def _profile_level_id(offered: OfferedCodec) -> str:
    return offered.parameters.get("profile-level-id") or H264_DEFAULT_PROFILE_LEVEL_ID


def _may_differ_in_level(offered: OfferedCodec) -> bool:
    return offered.parameters.get("level-asymmetry-allowed") == "1"


def _answered_profile_level_id(offered: OfferedCodec) -> str:
    """Keep the profile; where levels may differ, receive up to level 4.0 (1080p30): encoders obey the
    answer's level."""
    text = _profile_level_id(offered)[:6].lower()
    if not _may_differ_in_level(offered):
        return text
    return f"{text[:4]}{max(int(text[4:], 16), H264_LEVEL_4):02x}"
