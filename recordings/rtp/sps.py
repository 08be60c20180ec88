"""What the boxes need from an H264 sequence parameter set: profile, size, chroma. Source.

ITU-T H.264 §7.3.2.1.1, Annex E is not read.
"""

from dataclasses import dataclass

from recordings.errors import MalformedPacket

_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True, slots=True)
class SequenceParameters:
    """Facts of one SPS; width and height are the cropped luma size in pixels."""

    profile: int
    compatibility: int
    level: int
    width: int
    height: int
    chroma_format: int = 1
    bit_depth_luma: int = 8
    bit_depth_chroma: int = 8

    @property
    def codec(self) -> str:
        """RFC 6381 codec string, such as avc1.42e01f."""
        return f"avc1.{self.profile:02x}{self.compatibility:02x}{self.level:02x}"


class _Bits:
    """Reads an RBSP, emulation prevention bytes removed."""

    def __init__(self, nalu: bytes) -> None:
        body = nalu[1:].replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(body, "big")
        self._left = 8 * len(body)

    def u(self, count: int) -> int:
        if count > self._left:
            raise MalformedPacket("parameter set truncated")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 32:
                raise MalformedPacket("exp-golomb code too long")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def rest(self) -> tuple[int, int]:
        """What is left, as (bit count, value)."""
        return self._left, self._value & ((1 << self._left) - 1)


def parse_sps(nalu: bytes) -> SequenceParameters:
    """Parse an SPS NAL unit (header byte included). Raises: MalformedPacket."""
    if len(nalu) < 4:
        raise MalformedPacket("sps truncated")
    bits = _Bits(nalu)
    profile, compatibility, level = bits.u(8), bits.u(8), bits.u(8)
    bits.ue()
    chroma, luma_depth, chroma_depth = _read_chroma(bits) if profile in _WITH_CHROMA else (1, 8, 8)
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1), bits.se(), bits.se()
        for _ in range(min(bits.ue(), 256)):
            bits.se()
    bits.ue(), bits.u(1)
    width, height_units = 16 * (bits.ue() + 1), bits.ue() + 1
    frame_only = bits.u(1)
    height = 16 * height_units * (2 - frame_only)
    if not frame_only:
        bits.u(1)
    bits.u(1)
    if bits.u(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        width -= (left + right) * (2 if chroma in (1, 2) else 1)
        height -= (top + bottom) * (2 if chroma == 1 else 1) * (2 - frame_only)
    if not (0 < width <= 8192 and 0 < height <= 8192):
        raise MalformedPacket(f"sps picture size: {width}x{height}")
    return SequenceParameters(profile, compatibility, level, width, height, chroma, luma_depth, chroma_depth)


def _read_chroma(bits: _Bits) -> tuple[int, int, int]:
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    luma_depth, chroma_depth = 8 + bits.ue(), 8 + bits.ue()
    bits.u(1)
    if bits.u(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, luma_depth, chroma_depth


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def shape_of(nalu: bytes) -> bytes:
    """Return a parameter set without its own ids, so that sets that differ in nothing else compare equal.

    Some encoders number SPS and PPS anew at each IDR (OpenH264's INCREASING_ID); that is no new picture
    format.
    """
    bits = _Bits(nalu)
    head = nalu[:4] if nalu[0] & 0x1F == 7 else nalu[:1]
    if len(head) == 4:
        bits.u(24)
        bits.ue()
    else:
        bits.ue(), bits.ue()
    # Shifting the ids moves the byte alignment: compare from the first content bit to the stop bit.
    count, value = bits.rest()
    while count and not value & 1:
        count, value = count - 1, value >> 1
    return head + count.to_bytes(4, "big") + value.to_bytes((count + 7) // 8, "big")
