"""Opus packets as far as a recorder must look into them: their duration."""

from recordings.errors import MalformedPacket

SAMPLE_RATE_HZ = 48_000
_SILK_MS = (10, 20, 40, 60)
_HYBRID_MS = (10, 20)


def duration_samples(payload: bytes) -> int:
    """Return the samples at 48 kHz in one Opus packet. Raises: MalformedPacket. Source.

    RFC 6716 §3.1, §3.2.
    """
    if not payload:
        raise MalformedPacket("opus packet empty")
    config = payload[0] >> 3
    if config < 12:
        frame = _SILK_MS[config & 3] * 48
    elif config < 16:
        frame = _HYBRID_MS[config & 1] * 48
    else:
        frame = 120 << (config & 3)
    code = payload[0] & 3
    if code == 3:
        if len(payload) < 2:
            raise MalformedPacket("opus packet truncated")
        count = payload[1] & 0x3F
    else:
        count = 1 if code == 0 else 2
    if not count or frame * count > 5760:
        raise MalformedPacket(f"opus packet longer than 120 ms: {frame * count}")
    return frame * count
