"""Offer in, answer and engine specification out (RFC 9429, joints.md §3). Decides formats, SSRCs and slots;
keeps nothing."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from streaming.errors import CodecNotAccepted, SdpUnsupported
from streaming.relay.specifications import MediaKind, OutputSpec, PublicationSpec, Source, SubscriptionSpec
from streaming.rooms.direction import AUDIO_SLOTS, VIDEO_SLOTS
from streaming.rooms.media_session import PublisherSource
from streaming.sdp.answer import AnsweredMedia, LocalTransport, render_answer
from streaming.sdp.codecs import VIDEO_CODECS, MediaFormat, choose_format
from streaming.sdp.layers import accepted_layers, lowest_first
from streaming.sdp.offer_rules import RemoteTransport, require_direction, require_transport, rtp_media
from streaming.sdp.session_description import OfferedMedia, parse_offer

# What the engine can use: finding SSRCs by MID and RID, who speaks, and how full the path is. transport-cc is
# left out on purpose (docs/decisions/0010).
PUBLISHER_EXTENSIONS = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": "mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": "rid",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": "rrid",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": "audio_level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": "abs_send_time",
}
# With it, and goog-remb, a viewer's browser tells what its path carries (draft-alvestrand-rmcat-remb-03 §1).
SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
ONE_BYTE_IDS = range(1, 15)  # RFC 8285 §4.2


@dataclass(frozen=True, slots=True)
class Negotiated:
    """One answered offer. `media` lists (kind, mid) of the accepted descriptions, in order."""

    answer: str
    remote: RemoteTransport
    media: tuple[tuple[str, str], ...]
    publications: tuple[PublicationSpec, ...] = ()
    subscription: SubscriptionSpec | None = None


def negotiate_publisher(
    text: str, source: PublisherSource, codecs: Sequence[str], local: LocalTransport
) -> Negotiated:
    """Answer a WHIP offer (RFC 9725 §4.2): at most one video and one audio, each accepted or the whole offer
    refused.

    Args:
        text: the offer.
        source: what the video shows.
        codecs: video codecs the room accepts, best first.
        local: our transport.

    Raises:
        SdpMalformed, SdpUnsupported, CodecNotAccepted: see each.
    """
    offer = parse_offer(text)
    remote = require_transport(offer)
    media = rtp_media(offer)
    require_direction(media, frozenset({"sendonly", "sendrecv"}))
    if len({entry.kind for entry in media}) != len(media):
        raise SdpUnsupported("at most one video and one audio can be published in a session")
    if source == "microphone" and any(entry.kind == "video" for entry in media):
        raise SdpUnsupported("the source microphone is audio alone")
    answers: dict[str, AnsweredMedia] = {}
    publications: list[PublicationSpec] = []
    for entry in media:
        chosen = _publisher_format(entry, codecs)
        extensions = {
            uri: number
            for uri, number in entry.extensions.items()
            if uri in PUBLISHER_EXTENSIONS and number in ONE_BYTE_IDS
        }
        rids = accepted_layers(entry, extensions)
        answers[entry.mid] = AnsweredMedia("recvonly", (chosen,), extensions, rids=rids)
        publications.append(_publication(entry, chosen, extensions, source, rids))
    answer = render_answer(offer, answers, replace(local, setup=remote.answered_setup), secrets.randbits(62))
    return Negotiated(answer, remote, _kinds(media), tuple(publications))


def negotiate_viewer(text: str, local: LocalTransport) -> Negotiated:
    """Answer a WHEP offer: the n-th video (audio) description is slot V(n-1) (A(n-1)), more than there are
    slots refused.

    H264 and VP8 are both answered, each with RTX, so that a viewer may come before the first publisher.

    Raises:
        SdpMalformed, SdpUnsupported: see each.
    """
    offer = parse_offer(text)
    remote = require_transport(offer)
    media = rtp_media(offer)
    require_direction(media, frozenset({"recvonly", "sendrecv"}))
    free = {"video": iter(VIDEO_SLOTS), "audio": iter(AUDIO_SLOTS)}
    cname = secrets.token_hex(8)
    # All different: two streams with one SSRC under one key would repeat nonces (RFC 7714 §8.1).
    ssrcs = iter(secrets.SystemRandom().sample(range(1, 1 << 32), 2 * (len(VIDEO_SLOTS) + len(AUDIO_SLOTS))))
    answers: dict[str, AnsweredMedia] = {}
    outputs: list[OutputSpec] = []
    for entry in media:
        slot = next(free[entry.kind], None)
        wanted = VIDEO_CODECS if entry.kind == "video" else ("opus",)
        formats = tuple(found for codec in wanted if (found := choose_format(entry, codec)))
        if slot and formats:
            output = _output(slot, entry, formats, cname, ssrcs)
            outputs.append(output)
            answers[entry.mid] = _sender(output, formats)
    if not outputs:
        raise SdpUnsupported("none of H264, VP8 or opus is offered")
    answer = render_answer(offer, answers, replace(local, setup=remote.answered_setup), secrets.randbits(62))
    accepted = [entry for entry in media if entry.mid in answers]
    return Negotiated(answer, remote, _kinds(accepted), subscription=SubscriptionSpec(outputs))


def _publisher_format(media: OfferedMedia, codecs: Sequence[str]) -> MediaFormat:
    wanted = codecs if media.kind == "video" else ("opus",)
    for codec in wanted:
        if chosen := choose_format(media, codec):
            return chosen
    if media.kind == "video":
        raise CodecNotAccepted(f"the offer lacks a video codec this room accepts: {', '.join(codecs)}")
    raise SdpUnsupported("the offer lacks an audio codec this relay accepts: opus/48000/2")


def _publication(
    media: OfferedMedia,
    chosen: MediaFormat,
    extensions: dict[str, int],
    source: PublisherSource,
    rids: Sequence[str],
) -> PublicationSpec:
    payload_types = {str(chosen.payload_type): "media"}
    if chosen.rtx_payload_type is not None:
        payload_types[str(chosen.rtx_payload_type)] = "rtx"
    retransmissions = {second for _, second in media.ssrc_pairs}
    # With layers an SSRC that is said would not say which layer it is.
    ssrcs = [] if rids else [ssrc for ssrc in media.ssrcs if ssrc not in retransmissions][:1]
    kind: MediaKind = "video" if media.kind == "video" else "audio"
    sound: Source = "screen" if source == "screen" else "microphone"
    return PublicationSpec(
        kind=kind,
        codec=chosen.codec,
        mid=media.mid,
        clock_rate=chosen.clock_rate_hz,
        pt=payload_types,
        ssrc=ssrcs,
        rtx_ssrc=[second for first, second in media.ssrc_pairs if first in ssrcs][:1],
        ext={PUBLISHER_EXTENSIONS[uri]: number for uri, number in extensions.items()},
        feedback={
            "nack": "nack" in chosen.feedback,
            "pli": "nack pli" in chosen.feedback,
            "remb": "goog-remb" in chosen.feedback,
        },
        source=source if kind == "video" else sound,
        rids=lowest_first(rids),
    )


def _output(
    slot: str, media: OfferedMedia, formats: Sequence[MediaFormat], cname: str, ssrcs: Iterator[int]
) -> OutputSpec:
    payload_types = {
        entry.codec: [
            entry.payload_type,
            *([entry.rtx_payload_type] if entry.rtx_payload_type is not None else []),
        ]
        for entry in formats
    }
    has_rtx = any(entry.rtx_payload_type is not None for entry in formats)
    # The SSRCs are signalled, so packets need no MID extension (8 bytes each). The time of sending changes at
    # a resend, and a packet must never be sealed twice with other bytes: only where resends are RTX.
    send_time = media.extensions.get(SEND_TIME)
    is_measured = (
        send_time in ONE_BYTE_IDS
        and all(entry.rtx_payload_type is not None for entry in formats)
        and any("goog-remb" in entry.feedback for entry in formats)
    )
    return OutputSpec(
        slot,
        media.mid,
        next(ssrcs),
        next(ssrcs) if has_rtx else None,
        payload_types,
        cname,
        send_time_ext=send_time if is_measured else None,
    )


def _sender(output: OutputSpec, formats: tuple[MediaFormat, ...]) -> AnsweredMedia:
    # One msid for program picture and sound makes the player sync lips (joints.md §3).
    group = "V0" if output.slot == "A0" else output.slot
    is_measured = output.send_time_ext is not None
    accepted = tuple(
        replace(entry, feedback=tuple(kind for kind in entry.feedback if kind != "goog-remb" or is_measured))
        for entry in formats
    )
    return AnsweredMedia(
        "sendonly",
        accepted,
        {SEND_TIME: output.send_time_ext} if output.send_time_ext is not None else {},
        msid=f"{group} {output.slot}",
        ssrc=output.ssrc,
        rtx_ssrc=output.rtx_ssrc,
        cname=output.cname,
    )


def _kinds(media: Sequence[OfferedMedia]) -> tuple[tuple[str, str], ...]:
    return tuple((entry.kind, entry.mid) for entry in media)
