"""Box and full box framing, and reading them back. Source: ISO/IEC 14496-12 §4.2."""

from collections.abc import Iterator

from recordings.errors import RecordingsError


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return one box with the concatenated parts as body."""
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box with version and 24-bit flags."""
    return box(kind, bytes([version]) + flags.to_bytes(3, "big"), *parts)


def u16(value: int) -> bytes:
    """16 bits, big-endian."""
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    """32 bits, big-endian."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """64 bits, big-endian."""
    return value.to_bytes(8, "big")


def iter_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, body) of the boxes in `data`. Raises: RecordingsError when sizes do not add up."""
    offset = 0
    while offset < len(data):
        size = int.from_bytes(data[offset : offset + 4], "big")
        if size < 8 or offset + size > len(data):
            raise RecordingsError(f"box size out of range: {size}")
        yield data[offset + 4 : offset + 8], data[offset + 8 : offset + size]
        offset += size
