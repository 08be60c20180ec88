"""What an offer must have before the relay answers it: one bundled transport with ICE, rtcp-mux and DTLS.

Sources: RFC 9725 §4.4, draft-ietf-wish-whep-03 §4.4, RFC 8842 §5, RFC 9143 §7.
"""

from dataclasses import dataclass

from streaming.errors import SdpUnsupported
from streaming.sdp.session_description import Offer, OfferedMedia

FINGERPRINT_HASHES = frozenset({"sha-256", "sha-384", "sha-512"})
# RFC 9725 §4.4.4 wants actpass or active; the WHIP muxer of FFmpeg 8 offers passive and means it.
ANSWERED_SETUP = {"actpass": "passive", "active": "passive", "passive": "active"}
RTP_PROFILE = "UDP/TLS/RTP/SAVPF"


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """The peer's side of the one bundled transport; `answered_setup` is our a=setup, active for a DTLS
    client."""

    fingerprints: tuple[tuple[str, str], ...]
    ufrag: str
    answered_setup: str


def rtp_media(offer: Offer) -> list[OfferedMedia]:
    """Return the audio and video descriptions that were not rejected by the offerer, in order."""
    return [media for media in offer.media if media.kind in ("audio", "video") and not media.is_rejected]


def require_transport(offer: Offer) -> RemoteTransport:
    """Check what every answered media description needs, and return the shared transport.

    Raises:
        SdpUnsupported: the detail names what is missing.
    """
    wanted = rtp_media(offer)
    if not wanted:
        raise SdpUnsupported("the offer has no audio or video")
    for media in wanted:
        if media.mid not in offer.bundle:
            raise SdpUnsupported(f"every media description must be in one BUNDLE group, missing: {media.mid}")
        # What a bundle-only description leaves out stands in the tagged one (RFC 9143 §7.1.3).
        if not media.has_rtcp_mux and not media.is_bundle_only:
            raise SdpUnsupported(f"a=rtcp-mux is required, missing in: {media.mid}")
        if media.profile != RTP_PROFILE:
            raise SdpUnsupported(f"the profile must be {RTP_PROFILE}, found: {media.profile}")
    # The tagged description carries the transport; bundle-only ones need not repeat it (RFC 9143 §7.1.2).
    first = next((media for media in wanted if media.ufrag and media.fingerprints), wanted[0])
    if not first.ufrag or not first.pwd:
        raise SdpUnsupported("a=ice-ufrag and a=ice-pwd are required")
    if first.setup not in ANSWERED_SETUP:
        raise SdpUnsupported(f"a=setup must be one of: {', '.join(ANSWERED_SETUP)}")
    if not any(algorithm in FINGERPRINT_HASHES for algorithm, _ in first.fingerprints):
        raise SdpUnsupported(f"a=fingerprint must use one of: {', '.join(sorted(FINGERPRINT_HASHES))}")
    return RemoteTransport(first.fingerprints, first.ufrag, ANSWERED_SETUP[first.setup])


def require_direction(media: list[OfferedMedia], allowed: frozenset[str]) -> None:
    """Check that every description has one of the allowed directions.

    Raises:
        SdpUnsupported: one has not.
    """
    for entry in media:
        if entry.direction not in allowed:
            raise SdpUnsupported(
                f"the direction must be {' or '.join(sorted(allowed))}, found: {entry.direction}"
            )
