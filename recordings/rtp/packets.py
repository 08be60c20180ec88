"""RTP headers and RTCP sender reports off the wire. Parses or raises MalformedPacket, nothing else."""

import struct
from dataclasses import dataclass

from recordings.errors import MalformedPacket

_FIXED = struct.Struct("!BBHII")
_NTP_TO_UNIX_S = 2_208_988_800  # RFC 3550 §4: NTP counts from 1900.


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """The fields a recorder uses; `payload` is without extension and padding. Source: RFC 3550 §5.1."""

    marker: bool
    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SenderReport:
    """One SR with the CNAME of its source if the compound carried it.

    Attributes:
        ntp_ns: publisher's wall clock in UNIX ns.
        timestamp: RTP timestamp of the same instant, 32 bits, wraps.
    """

    ssrc: int
    ntp_ns: int
    timestamp: int
    cname: str | None


def parse_rtp(data: bytes) -> RtpPacket:
    """Parse one RTP packet. Raises: MalformedPacket. Source: RFC 3550 §5.1, §5.3.1."""
    if len(data) < _FIXED.size:
        raise MalformedPacket(f"rtp packet too short: {len(data)}")
    first, second, sequence_number, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        raise MalformedPacket(f"rtp version: {first >> 6}")
    start = _FIXED.size + 4 * (first & 0x0F)
    if first & 0x10:
        if len(data) < start + 4:
            raise MalformedPacket("rtp extension truncated")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data)
    if first & 0x20:
        padding = data[-1]
        if not padding:
            raise MalformedPacket("rtp padding of length zero")
        end -= padding
    if end < start:
        raise MalformedPacket("rtp header longer than packet")
    return RtpPacket(bool(second & 0x80), second & 0x7F, sequence_number, timestamp, ssrc, data[start:end])


def parse_sender_reports(data: bytes) -> list[SenderReport]:
    """Return the sender reports of a compound RTCP packet, other packets skipped.

    Raises: MalformedPacket. Source: RFC 3550 §6.4.1, §6.5.
    """
    reports: list[tuple[int, int, int]] = []
    cnames: dict[int, str] = {}
    offset = 0
    while offset < len(data):
        if len(data) - offset < 4 or data[offset] >> 6 != 2:
            raise MalformedPacket("rtcp header malformed")
        end = offset + 4 + 4 * int.from_bytes(data[offset + 2 : offset + 4], "big")
        if end > len(data):
            raise MalformedPacket("rtcp packet truncated")
        kind = data[offset + 1]
        if kind == 200:
            if end - offset < 28:
                raise MalformedPacket("sender report truncated")
            ssrc, seconds, fraction, timestamp = struct.unpack_from("!IIII", data, offset + 4)
            ntp_ns = (seconds - _NTP_TO_UNIX_S) * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)
            reports.append((ssrc, ntp_ns, timestamp))
        elif kind == 202:
            cnames.update(_parse_cnames(data[offset + 4 : end], data[offset] & 0x1F))
        offset = end
    return [SenderReport(ssrc, ntp_ns, timestamp, cnames.get(ssrc)) for ssrc, ntp_ns, timestamp in reports]


def _parse_cnames(body: bytes, chunks: int) -> dict[int, str]:
    cnames: dict[int, str] = {}
    offset = 0
    for _ in range(chunks):
        if len(body) - offset < 4:
            raise MalformedPacket("sdes chunk truncated")
        ssrc = int.from_bytes(body[offset : offset + 4], "big")
        offset += 4
        while offset < len(body) and body[offset]:
            if len(body) - offset < 2 or len(body) - offset < 2 + body[offset + 1]:
                raise MalformedPacket("sdes item truncated")
            if body[offset] == 1:
                cnames[ssrc] = body[offset + 2 : offset + 2 + body[offset + 1]].decode("utf-8", "replace")
            offset += 2 + body[offset + 1]
        offset = (
            offset // 4 * 4 + 4
        )  # The list ends in at least one zero octet, up to the next 32-bit boundary.
    return cnames
