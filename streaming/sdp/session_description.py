"""Parses offers into our own frozen types; the only user of `aiortc.sdp`.

What lives here: the grammar (RFC 8866, RFC 8839, RFC 8842) and what aiortc leaves out (`bundle-only`,
`rtcp-rsize`, `extmap-allow-mixed`). What must not: any decision on what to accept
(`streaming.sdp.offer_rules`, `.codecs`). Whatever is wrong with a text ends in `SdpMalformed`: aiortc's
parser itself answers with bare assertions, StopIteration and more, so everything it raises is caught.
"""

import re
from dataclasses import dataclass, field

from aiortc import sdp as aiortc_sdp
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from streaming.errors import SdpMalformed

MEDIA_DESCRIPTIONS_MAX = 64
MID = re.compile(r"[!-~]{1,64}")  # A token (RFC 5888 §4): it is repeated in the answer.
RID_SEND = re.compile(r"a=rid:[A-Za-z0-9_-]{1,255} send( .*)?")
SIMULCAST_SEND = re.compile(r"[: ]send ([A-Za-z0-9_\-~,;]+)")
SSRC_LIMIT = 1 << 32
PAYLOAD_TYPE_LIMIT = 1 << 7
DTLS_ROLE_TO_SETUP = {"auto": "actpass", "client": "active", "server": "passive"}


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """One rtpmap with its fmtp and rtcp-fb lines. `name` is upper case; parameter values are text or None."""

    payload_type: int
    name: str
    clock_rate_hz: int
    channels: int | None
    parameters: dict[str, str | None]
    feedback: frozenset[str]


@dataclass(frozen=True, slots=True)
class OfferedMedia:
    """One media description of an offer. `ssrc_pairs` holds (media, retransmission) of the FID groups (RFC
    5576 §4.2), `send_rids` the layers it wants to send at once, as offered (RFC 8853 §5.1)."""

    kind: str
    mid: str
    profile: str
    formats: tuple[str, ...]
    direction: str
    is_rejected: bool
    is_bundle_only: bool
    has_rtcp_mux: bool
    has_rtcp_rsize: bool
    codecs: tuple[OfferedCodec, ...]
    extensions: dict[str, int]
    ssrcs: tuple[int, ...]
    ssrc_pairs: tuple[tuple[int, int], ...]
    send_rids: tuple[str, ...]
    setup: str | None
    fingerprints: tuple[tuple[str, str], ...]
    ufrag: str | None
    pwd: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """A parsed offer: media in order, the mids of the BUNDLE group, and whether extension forms may be
    mixed."""

    media: tuple[OfferedMedia, ...]
    bundle: frozenset[str]
    has_extmap_allow_mixed: bool


def parse_offer(text: str) -> Offer:
    """Parse one session description.

    Raises:
        SdpMalformed: whatever is wrong with the text.
    """
    if not text.startswith("v=0"):
        raise SdpMalformed("the body does not start with v=0")
    try:
        parsed = aiortc_sdp.SessionDescription.parse(text)
        session_lines, media_lines = aiortc_sdp.grouplines(text)
        if len(parsed.media) > MEDIA_DESCRIPTIONS_MAX:
            raise SdpMalformed(f"more media descriptions than {MEDIA_DESCRIPTIONS_MAX}")
        media = tuple(_media(*pair) for pair in zip(parsed.media, media_lines, strict=True))
    except SdpMalformed:
        raise
    except Exception as error:
        raise SdpMalformed(f"not a session description: {type(error).__name__}") from error
    for entry in media:
        _check_ranges(entry)
    if len({entry.mid for entry in media}) != len(media):
        raise SdpMalformed("a=mid is used twice")
    bundle = {str(item) for group in parsed.group if group.semantic == "BUNDLE" for item in group.items}
    is_mixed = any("a=extmap-allow-mixed" in lines for lines in (session_lines, *media_lines))
    return Offer(media, frozenset(bundle), is_mixed)


def h264_profile(profile_level_id: str) -> str | None:
    """Return the H.264 profile of six hexadecimal digits, such as "constrained_baseline"; None when unknown.

    Compared by meaning, not by text: 42e01f and 4d801f are the same profile. Source: RFC 6184 §8.1, table 5.
    """
    try:
        profile, _ = aiortc_sdp.parse_h264_profile_level_id(profile_level_id)
    except (ValueError, IndexError):
        return None
    return profile.name.removeprefix("PROFILE_").lower()


def _media(media: aiortc_sdp.MediaDescription, lines: list[str]) -> OfferedMedia:
    pairs = [
        (group.items[0], group.items[1])
        for group in media.ssrc_group
        if group.semantic == "FID" and len(group.items) == 2
    ]
    return OfferedMedia(
        kind=media.kind,
        mid=media.rtp.muxId or "",
        profile=media.profile,
        formats=tuple(str(entry) for entry in media.fmt),
        direction=media.direction or "sendrecv",
        # RFC 9143 §6: port 0 means rejected unless a=bundle-only says otherwise.
        is_rejected=media.port == 0 and "a=bundle-only" not in lines,
        is_bundle_only="a=bundle-only" in lines,
        has_rtcp_mux=media.rtcp_mux,
        has_rtcp_rsize="a=rtcp-rsize" in lines,
        codecs=tuple(_codec(codec) for codec in media.rtp.codecs),
        extensions={extension.uri: extension.id for extension in media.rtp.headerExtensions},
        ssrcs=tuple(entry.ssrc for entry in media.ssrc),
        ssrc_pairs=tuple((int(first), int(second)) for first, second in pairs),
        send_rids=_send_rids(lines),
        setup=DTLS_ROLE_TO_SETUP[media.dtls.role] if media.dtls else None,
        fingerprints=tuple((entry.algorithm.lower(), entry.value) for entry in media.dtls.fingerprints)
        if media.dtls
        else (),
        ufrag=media.ice.usernameFragment if media.ice else None,
        pwd=media.ice.password if media.ice else None,
    )


def _send_rids(lines: list[str]) -> tuple[str, ...]:
    """Return the first alternative of each simulcast stream that has an `a=rid:… send` (RFC 8851 §10)."""
    defined = {line.removeprefix("a=rid:").split()[0] for line in lines if RID_SEND.fullmatch(line)}
    simulcast = next((line for line in lines if line.startswith("a=simulcast:")), "")
    found = SIMULCAST_SEND.search(simulcast)
    streams = found.group(1).split(";") if found else []
    rids = [stream.split(",")[0].removeprefix("~") for stream in streams]
    return tuple(dict.fromkeys(rid for rid in rids if rid in defined))


def _check_ranges(media: OfferedMedia) -> None:
    if not MID.fullmatch(media.mid):
        raise SdpMalformed("a=mid is missing or not a token")
    if not all(
        0 <= ssrc < SSRC_LIMIT for ssrc in (*media.ssrcs, *(n for pair in media.ssrc_pairs for n in pair))
    ):
        raise SdpMalformed("an SSRC has more than 32 bits")
    if not all(0 <= codec.payload_type < PAYLOAD_TYPE_LIMIT for codec in media.codecs):
        raise SdpMalformed("a payload type has more than 7 bits")


def _codec(codec: RTCRtpCodecParameters) -> OfferedCodec:
    feedback = (
        f"{entry.type} {entry.parameter}" if entry.parameter else entry.type for entry in codec.rtcpFeedback
    )
    return OfferedCodec(
        payload_type=int(codec.payloadType or 0),
        name=codec.name.upper(),
        clock_rate_hz=codec.clockRate,
        channels=codec.channels,
        parameters={
            key.strip().lower(): None if value is None else str(value)
            for key, value in codec.parameters.items()
        },
        feedback=frozenset(feedback),
    )
