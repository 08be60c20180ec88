"""Which simulcast layers of an offer are accepted, and which of them is the larger picture (RFC 8853)."""

from collections.abc import Mapping, Sequence

from streaming.sdp.session_description import OfferedMedia

RID_EXTENSION = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
LAYERS_MAX = 3
RID_LENGTH_MAX = 16  # What a one-byte extension element holds (RFC 8285 §4.2).
# A description says nothing of sizes, so the names must. Two habits: low, medium, high; quarter, half, full.
LADDERS = (("l", "m", "h"), ("q", "h", "f"))


def accepted_layers(media: OfferedMedia, extensions: Mapping[str, int]) -> tuple[str, ...]:
    """Return the rids to answer, in the order of the offer; none when packets could not say their layer."""
    if media.kind != "video" or RID_EXTENSION not in extensions:
        return ()
    return tuple(rid for rid in media.send_rids if len(rid) <= RID_LENGTH_MAX)[:LAYERS_MAX]


def lowest_first(rids: Sequence[str]) -> list[str]:
    """Return the rids from the smallest picture to the largest: by name, else as offered."""
    for ladder in LADDERS:
        if set(rids) <= set(ladder):
            return sorted(rids, key=ladder.index)
    return list(rids)
