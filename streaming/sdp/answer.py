"""Writes answers of an ICE-lite, bundled endpoint as SDP text (RFC 9429 §5.3, RFC 8866)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from streaming.sdp.codecs import MediaFormat
from streaming.sdp.session_description import Offer, OfferedMedia

CRLF = "\r\n"
# Said alike in answers and in the fragments of ICE restarts (RFC 9725 §4.3.3): candidates may be trickled to
# us, and we are an agent of RFC 8445 §10.
ICE_LINES = ("a=ice-lite", "a=ice-options:trickle ice2")


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our side of the one bundled transport. `candidates` are values of a=candidate, `fingerprint` is
    sha-256."""

    ufrag: str
    pwd: str = field(repr=False)
    fingerprint: str
    candidates: tuple[str, ...]
    setup: str = "passive"


@dataclass(frozen=True, slots=True)
class AnsweredMedia:
    """What the relay accepts of one offered description. `extensions` maps URI → id as offered.

    `rids` are the simulcast layers accepted of a publisher, in the order of the offer (RFC 8853 §5.3.2).
    A sender's description also has `msid` ("stream track") and its SSRCs; `rtx_ssrc` forms the FID group.
    """

    direction: str
    formats: tuple[MediaFormat, ...]
    extensions: dict[str, int] = field(default_factory=dict)
    msid: str | None = None
    ssrc: int | None = None
    rtx_ssrc: int | None = None
    cname: str | None = None
    rids: tuple[str, ...] = ()


def render_answer(
    offer: Offer, answers: dict[str, AnsweredMedia], local: LocalTransport, origin_id: int, version: int = 1
) -> str:
    """Return the answer: one description for each offered one, in order; those without an entry in `answers`
    rejected.

    Args:
        offer: what is answered.
        answers: accepted descriptions by mid.
        local: ICE and DTLS parameters, repeated in every accepted description; candidates stand in the first.
        origin_id: session id of the o= line, 0..2^63-1, the same for the life of a session (RFC 9429 §5.2.1).
        version: session version of the o= line.
    """
    accepted = [media.mid for media in offer.media if media.mid in answers]
    lines = [
        "v=0",
        f"o=- {origin_id} {version} IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        *ICE_LINES,
        f"a=group:BUNDLE {' '.join(accepted)}",
        *(["a=extmap-allow-mixed"] if offer.has_extmap_allow_mixed else []),
        "a=msid-semantic: WMS *",
    ]
    for media in offer.media:
        if media.mid in answers:
            lines += _accepted(media, answers[media.mid], local, has_candidates=media.mid == accepted[0])
        else:
            lines += _rejected(media)
    return CRLF.join(lines) + CRLF


def _accepted(
    media: OfferedMedia, answer: AnsweredMedia, local: LocalTransport, *, has_candidates: bool
) -> list[str]:
    payload_types = [
        str(number)
        for entry in answer.formats
        for number in (entry.payload_type, entry.rtx_payload_type)
        if number is not None
    ]
    lines = [
        f"m={media.kind} 9 {media.profile} {' '.join(payload_types)}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.pwd}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{local.setup}",
        f"a=mid:{media.mid}",
        *(f"a=extmap:{number} {uri}" for uri, number in answer.extensions.items()),
        f"a={answer.direction}",
        *([f"a=msid:{answer.msid}"] if answer.msid else []),
        "a=rtcp-mux",
        *(["a=rtcp-rsize"] if media.has_rtcp_rsize else []),  # Only when offered (RFC 5506 §5.1).
        *_format_lines(answer.formats),
        *_ssrc_lines(answer),
        *(f"a=rid:{rid} recv" for rid in answer.rids),
        *([f"a=simulcast:recv {';'.join(answer.rids)}"] if answer.rids else []),
    ]
    if has_candidates:
        lines += [f"a=candidate:{candidate}" for candidate in local.candidates]
        lines.append("a=end-of-candidates")
    return lines


def _format_lines(formats: Iterable[MediaFormat]) -> Iterable[str]:
    for entry in formats:
        channels = f"/{entry.channels}" if entry.channels else ""
        yield f"a=rtpmap:{entry.payload_type} {entry.codec}/{entry.clock_rate_hz}{channels}"
        for feedback in entry.feedback:
            yield f"a=rtcp-fb:{entry.payload_type} {feedback}"
        if entry.fmtp:
            yield f"a=fmtp:{entry.payload_type} {entry.fmtp}"
        if entry.rtx_payload_type is not None:
            yield f"a=rtpmap:{entry.rtx_payload_type} rtx/{entry.clock_rate_hz}"
            yield f"a=fmtp:{entry.rtx_payload_type} apt={entry.payload_type}"


def _ssrc_lines(answer: AnsweredMedia) -> Iterable[str]:
    if answer.ssrc is None:
        return
    if answer.rtx_ssrc is not None:
        yield f"a=ssrc-group:FID {answer.ssrc} {answer.rtx_ssrc}"
    for ssrc in (answer.ssrc, answer.rtx_ssrc):
        if ssrc is not None:
            yield f"a=ssrc:{ssrc} cname:{answer.cname}"
            yield f"a=ssrc:{ssrc} msid:{answer.msid}"


def _rejected(media: OfferedMedia) -> list[str]:
    # RFC 3264 §6: port 0, at least one format; the mid keeps the place (RFC 9429 §5.3.1).
    return [
        f"m={media.kind} 0 {media.profile} {' '.join(media.formats)}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{media.mid}",
        "a=inactive",
    ]
