"""The feed's frame codec: bytes to frames and back, no socket, no clock. Source.

Docs/protocol/recorder_feed.md.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from recordings.errors import FeedError

VERSION = 1
MAX_FRAME_BYTES = 65_536  # Protocol: a longer frame ends the connection.
NO_SLOT = 255

_HEADER = struct.Struct("!BBBBQQQQQ")
_LENGTH = struct.Struct("!I")


class FrameKind(IntEnum):
    """Kinds of frames; below 16 they come from the engine."""

    RTP = 0
    RTCP = 1
    CONTROL = 2
    HELLO = 16
    ACK = 17
    KEY_FRAME_REQUEST = 18


@dataclass(frozen=True, slots=True)
class FeedFrame:
    """One frame.

    Attributes:
        slot: 0..6 = V0..V6, 16..18 = A0..A2, 255 = none.
        feed_seq: from 1, +1 for each frame of this recording in this media epoch.
        monotonic_ns: engine clock at arrival.
        wall_ns: UTC ns, the same clock anchored once per epoch.
    """

    kind: int
    slot: int = NO_SLOT
    layer: int = 0
    room: int = 0
    publication: int = 0
    feed_seq: int = 0
    monotonic_ns: int = 0
    wall_ns: int = 0
    payload: bytes = b""


def slot_name(slot: int) -> str:
    """Return "V0".."V6" or "A0".."A2" for a slot number. Raises: FeedError for any other number."""
    if 0 <= slot <= 6:
        return f"V{slot}"
    if 16 <= slot <= 18:
        return f"A{slot - 16}"
    raise FeedError(f"unknown slot: {slot}")


def slot_number(name: str) -> int:
    """Return the slot number for "V0".."V6" or "A0".."A2". Raises: FeedError for any other name."""
    if len(name) == 2 and name[1].isdecimal() and name[1].isascii():
        index = int(name[1])
        if name[0] == "V" and index <= 6:
            return index
        if name[0] == "A" and index <= 2:
            return 16 + index
    raise FeedError(f"unknown slot: {name!r}")


def encode_frame(frame: FeedFrame) -> bytes:
    """Serialize a frame with its length prefix. Raises: FeedError when it is over-long."""
    length = _HEADER.size + len(frame.payload)
    if length > MAX_FRAME_BYTES:
        raise FeedError(f"frame too long: {length}")
    header = _HEADER.pack(
        VERSION,
        frame.kind,
        frame.slot,
        frame.layer,
        frame.room,
        frame.publication,
        frame.feed_seq,
        frame.monotonic_ns,
        frame.wall_ns,
    )
    return _LENGTH.pack(length) + header + frame.payload


class FrameParser:
    """Cuts a byte sequence into frames; whole or byte by byte gives the same frames.

    Attributes:
        error: why nothing more can be parsed; frames before the broken one were returned.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.error: FeedError | None = None

    def feed(self, data: bytes) -> list[FeedFrame]:
        """Return the frames completed by `data`; on another version, an impossible length or an unknown
        kind `error` is set and the connection is useless."""
        buffer = self._buffer
        buffer += data
        frames: list[FeedFrame] = []
        start = 0
        while self.error is None and len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            end = start + _LENGTH.size + length
            if not _HEADER.size <= length <= MAX_FRAME_BYTES:
                self.error = FeedError(f"frame length out of range: {length}")
            elif len(buffer) - start > _LENGTH.size and buffer[start + _LENGTH.size] != VERSION:
                self.error = FeedError(f"unknown feed version: {buffer[start + _LENGTH.size]}")
            elif len(buffer) < end:
                break
            else:
                frame = self._parse(buffer[start + _LENGTH.size : end])
                frames += [frame] if frame else []
                start = end
        del buffer[:start]
        return frames

    def _parse(self, body: bytearray) -> FeedFrame | None:
        _, kind, slot, layer, room, publication, feed_seq, monotonic_ns, wall_ns = _HEADER.unpack_from(body)
        if kind not in _KINDS:
            self.error = FeedError(f"unknown frame kind: {kind}")
            return None
        payload = bytes(body[_HEADER.size :])
        return FeedFrame(kind, slot, layer, room, publication, feed_seq, monotonic_ns, wall_ns, payload)


_KINDS = frozenset(int(kind) for kind in FrameKind)
