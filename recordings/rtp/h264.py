"""H264 RTP payloads to access units (RFC 6184): single NAL unit, STAP-A, FU-A; SPS and PPS tracked.

Nothing is decoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from recordings.errors import MalformedPacket
from recordings.rtp.order import OrderedPacket

_IDR, _SEI, _SPS, _PPS, _AUD, _FILLER = 5, 6, 7, 8, 9, 12
_STAP_A, _FU_A = 24, 28
_DROPPED = frozenset({_AUD, 10, 11, _FILLER})  # Delimiters and filler have no place in an avc1 sample.


@dataclass(slots=True)
class AccessUnit:
    """One picture in decode order.

    Attributes:
        timestamp: extended RTP timestamp (90 kHz): presentation time.
        nalus: VCL and SEI NAL units without start code or length.
        parameter_sets: SPS and PPS NAL units that came in band with it.
        damaged: a packet in it was lost. after_loss: one directly before it was.
        first_feed_seq: lowest feed_seq of its packets; sequence: extended sequence number of its last.
    """

    timestamp: int
    first_feed_seq: int
    arrival_ns: int
    sequence: int = 0
    nalus: list[bytes] = field(default_factory=list)
    parameter_sets: list[bytes] = field(default_factory=list)
    damaged: bool = False
    after_loss: bool = False

    @property
    def is_idr(self) -> bool:
        """True for a key frame."""
        return any(nalu[0] & 0x1F == _IDR for nalu in self.nalus)

    @property
    def is_start(self) -> bool:
        """True when a decoder may start here: a whole key frame, its first slice from macroblock 0 on."""
        slices = [nalu for nalu in self.nalus if nalu[0] & 0x1F == _IDR]
        # first_mb_in_slice = 0 is a single 1 bit (ITU-T H.264 §7.3.3).
        return not self.damaged and bool(slices) and len(slices[0]) > 1 and bool(slices[0][1] & 0x80)

    def avcc(self, *, keep_parameter_sets: bool) -> bytes:
        """Return the sample: NAL units each behind a 4-byte length. Source: ISO/IEC 14496-15 §5.3."""
        nalus = self.parameter_sets + self.nalus if keep_parameter_sets else self.nalus
        return b"".join(len(nalu).to_bytes(4, "big") + nalu for nalu in nalus)


class H264Depayloader:
    """Collects ordered packets of one source into access units."""

    def __init__(self) -> None:
        self._unit: AccessUnit | None = None
        self._fragment: bytearray | None = None
        self._lost = False
        self.malformed = 0

    def oldest_feed_seq(self) -> int | None:
        """Lowest feed_seq of the picture being collected."""
        return self._unit.first_feed_seq if self._unit else None

    def expire(self, before_ns: int) -> None:
        """Give up a picture whose rest has not come: its first packet arrived before `before_ns`."""
        if self._unit and self._unit.arrival_ns < before_ns:
            self._unit, self._fragment, self._lost = None, None, True

    def push(self, ordered: OrderedPacket) -> Iterator[AccessUnit]:
        """Yield the access units that this packet completes (by marker, or by a new timestamp)."""
        packet = ordered.packet
        if ordered.lost_before:
            self._lost = True
            self._fragment = None
            if self._unit:
                self._unit.damaged = True
        if not packet.payload:
            return  # Padding only: a bandwidth probe.
        if self._unit and self._unit.timestamp != ordered.timestamp:
            yield from self._complete()
        if self._unit is None:
            self._unit = AccessUnit(
                ordered.timestamp, ordered.feed_seq, ordered.arrival_ns, after_loss=self._lost
            )
            self._lost = False
        unit = self._unit
        unit.sequence = ordered.sequence
        unit.first_feed_seq = min(unit.first_feed_seq, ordered.feed_seq)
        try:
            for nalu in self._unpack(packet.payload):
                self._sort(unit, nalu)
        except MalformedPacket:
            self.malformed += 1
            unit.damaged = True
        if packet.marker:
            yield from self._complete()

    def _complete(self) -> Iterator[AccessUnit]:
        unit, self._unit = self._unit, None
        if self._fragment is not None:
            self._fragment = None
            if unit:
                unit.damaged = True
        if unit and (unit.nalus or unit.parameter_sets):
            yield unit
        elif unit and (unit.damaged or unit.after_loss):
            self._lost = True  # Nothing is left of it, but what follows refers to it.

    @staticmethod
    def _sort(unit: AccessUnit, nalu: bytes) -> None:
        kind = nalu[0] & 0x1F
        if kind in (_SPS, _PPS):
            unit.parameter_sets.append(nalu)
        elif kind not in _DROPPED:
            unit.nalus.append(nalu)

    def _unpack(self, payload: bytes) -> Iterator[bytes]:
        kind = payload[0] & 0x1F
        if 1 <= kind <= 23:
            yield payload
        elif kind == _STAP_A:
            yield from _split_stap_a(payload)
        elif kind == _FU_A:
            nalu = self._collect_fu_a(payload)
            if nalu:
                yield nalu
        else:
            raise MalformedPacket(f"h264 payload kind: {kind}")

    def _collect_fu_a(self, payload: bytes) -> bytes | None:
        """Join fragments; the start rebuilds the NAL header from indicator and FU header (RFC 6184 §5.8)."""
        if len(payload) < 3:
            raise MalformedPacket("fu-a truncated")
        header = payload[1]
        if header & 0x80:
            self._fragment = bytearray([(payload[0] & 0xE0) | (header & 0x1F)])
        if self._fragment is None:
            raise MalformedPacket("fu-a without start")
        self._fragment += payload[2:]
        if not header & 0x40:
            return None
        nalu, self._fragment = bytes(self._fragment), None
        return nalu


def _split_stap_a(payload: bytes) -> Iterator[bytes]:
    """RFC 6184 §5.7.1: a one-byte header, then 16-bit length and NAL unit, repeated."""
    offset = 1
    while offset < len(payload):
        size = int.from_bytes(payload[offset : offset + 2], "big")
        nalu = payload[offset + 2 : offset + 2 + size]
        if not size or len(nalu) != size:
            raise MalformedPacket("stap-a truncated")
        yield nalu
        offset += 2 + size
