"""A raw UDP peer for the native engine: aioice's STUN, libsrtp's SRTP, hand-made RTP; nothing of ours.

Also the harness that starts an engine on loopback and waits for its events.
"""

import contextlib
import json
import os
import secrets
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pylibsrtp
from aioice import stun

from streaming._relay import Engine  # noqa: TID251 - the test is about the native engine itself

GCM = "SRTP_AEAD_AES_128_GCM"
CM = "SRTP_AES128_CM_SHA1_80"
PATIENCE_S = 10.0

_PROFILES = {
    GCM: (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    CM: (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}
H264_KEY = bytes([0x78, 0, 4, 0x67, 1, 2, 3, 0, 3, 0x68, 4, 5, 0, 6, 0x65, 0x88])
"""STAP-A of SPS, PPS and an IDR slice that lacks its last four octets."""
H264_DELTA = bytes([0x41, 0x9A])
CAMERA = {
    "kind": "video",
    "codec": "H264",
    "mid": "0",
    "clock_rate": 90000,
    "pt": {"102": "media", "103": "rtx"},
    "ssrc": [1000],
    "rtx_ssrc": [1001],
    "ext": {"mid": 4},
    "feedback": {"nack": True, "pli": True, "remb": True},
    "source": "camera",
}
MICROPHONE = {
    "kind": "audio",
    "codec": "opus",
    "mid": "1",
    "clock_rate": 48000,
    "pt": {"111": "media"},
    "ssrc": [2000],
    "rtx_ssrc": [],
    "ext": {"mid": 4},
    "feedback": {"nack": False, "pli": False, "remb": False},
    "source": "microphone",
}
V0 = {
    "slot": "V0",
    "mid": "0",
    "ssrc": 111,
    "rtx_ssrc": 112,
    "pt": {"H264": [120, 121], "VP8": [96, 97]},
    "mid_ext": 3,
    "cname": "program",
}
A0 = {
    "slot": "A0",
    "mid": "1",
    "ssrc": 113,
    "rtx_ssrc": None,
    "pt": {"opus": [109]},
    "mid_ext": 3,
    "cname": "program",
}


@dataclass
class Rtp:
    """One plain RTP packet, as parsed by the test."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    extension: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> "Rtp":
        first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
        assert first >> 6 == 2
        assert first & 0x0F == 0, "no CSRC"
        if first & 0x20:
            assert 0 < data[-1] <= len(data) - 12
            data = data[: -data[-1]]
        start, extension = 12, b""
        if first & 0x10:
            words = struct.unpack("!H", data[14:16])[0]
            extension = data[12 : 16 + 4 * words]
            start = 16 + 4 * words
        return cls(second & 0x7F, sequence, timestamp, ssrc, data[start:], bool(second & 0x80), extension)

    def to_bytes(self, *, padding: int = 0) -> bytes:
        first = 0x80 | (0x10 if self.extension else 0) | (0x20 if padding else 0)
        second = (0x80 if self.marker else 0) | self.payload_type
        header = struct.pack(
            "!BBHII", first, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        )
        tail = bytes(padding - 1) + bytes([padding]) if padding else b""
        return header + self.extension + self.payload + tail


def rtcp_packet(count: int, kind: int, body: bytes) -> bytes:
    """One RTCP packet around `body`."""
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def rtcp_parts(compound: bytes) -> list[tuple[int, int, bytes]]:
    """(count or format, packet type, body) of each part."""
    parts = []
    while compound:
        first, kind, words = struct.unpack("!BBH", compound[:4])
        parts.append((first & 0x1F, kind, compound[4 : 4 + 4 * words]))
        compound = compound[4 + 4 * words :]
    return parts


def nack(media_ssrc: int, *sequences: int) -> bytes:
    """A generic NACK, one pair a sequence number."""
    pairs = b"".join(struct.pack("!HH", sequence, 0) for sequence in sequences)
    return rtcp_packet(1, 205, struct.pack("!II", 1, media_ssrc) + pairs)


def pli(media_ssrc: int) -> bytes:
    """A picture loss indication."""
    return rtcp_packet(1, 206, struct.pack("!II", 1, media_ssrc))


class Harness:
    """An engine on 127.0.0.1 with an ephemeral port, and everything it said so far.

    One media thread unless told otherwise: several hear of a command each in its own time.
    """

    def __init__(
        self,
        *,
        addresses: list[str] | None = None,
        port: int = 0,
        feed_path: str | None = None,
        workers: int = 1,
        **timings: int,
    ) -> None:
        self.engine = Engine(
            addresses=addresses or ["127.0.0.1"], port=port, node_epoch="epoch-1", feed_path=feed_path,
            timings=json.dumps(timings) if timings else None, workers=workers,
        )  # fmt: skip
        self.address = self.engine.local_addresses()[0]
        self.events: list[tuple[str, int, str, bytes]] = []

    def wait(
        self, kind: str, session: int | None = None, text: str | None = None
    ) -> tuple[str, int, str, bytes]:
        """Wait for an event and take it out of `events`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for event in self.events:
                if event[0] == kind and session in {None, event[1]} and text in {None, event[2]}:
                    self.events.remove(event)
                    return event
            rest = deadline - time.monotonic()
            assert rest > 0, f"no {kind} event, only {self.events}"
            if select.select([self.engine.event_fd()], [], [], rest)[0]:
                self.events.extend(self.engine.drain())

    def stats(self) -> dict[str, Any]:
        return json.loads(self.engine.stats())

    def wait_stats(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the statistics, which are up to 250 ms old, say so."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            stats = self.stats()
            with contextlib.suppress(KeyError):
                if condition(stats):
                    return stats
            assert time.monotonic() < deadline, stats
            time.sleep(0.05)


@contextlib.contextmanager
def running(**arguments: Any) -> Iterator[Harness]:
    """Run an engine for the length of a test."""
    harness = Harness(**arguments)
    try:
        yield harness
    finally:
        harness.engine.shutdown()


@dataclass
class Peer:
    """One session of the engine, seen from the network."""

    harness: Harness
    session: int
    room: str = "room"
    address: tuple[str, int] | None = None
    publishes: bool = False
    ufrag: str = field(default_factory=lambda: secrets.token_hex(4))
    pwd: str = field(default_factory=lambda: secrets.token_hex(12))

    def __post_init__(self) -> None:
        self.remote = self.address or self.harness.address
        self.family = socket.AF_INET6 if ":" in self.remote[0] else socket.AF_INET
        self.socket = self.open()
        self.harness.engine.add_session(
            self.session, self.room, self.ufrag, self.pwd, publishes=self.publishes
        )

    def open(self) -> socket.socket:
        """Another local address of the same peer."""
        fresh = socket.socket(self.family, socket.SOCK_DGRAM)
        fresh.bind(("::1" if self.family == socket.AF_INET6 else "127.0.0.1", 0))
        fresh.settimeout(PATIENCE_S)
        return fresh

    def request(
        self, *, nominate: bool = True, pwd: str | None = None, ufrag: str | None = None
    ) -> stun.Message:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{ufrag or self.ufrag}:remote"
        message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = 1
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity((pwd or self.pwd).encode())
        return message

    def check(self, *, nominate: bool = True, via: socket.socket | None = None) -> stun.Message:
        """Do a connectivity check and verify the answer as aioice does."""
        via = via or self.socket
        message = self.request(nominate=nominate)
        via.sendto(bytes(message), self.remote)
        while True:
            data, source = via.recvfrom(2048)
            if data[0] < 4:
                break
        answer = stun.parse_message(data)
        answer.check_message_integrity(self.pwd.encode())
        assert source[:2] == self.remote
        assert answer.transaction_id == message.transaction_id
        return answer

    def connect(self, profile: str = GCM) -> "Peer":
        """Check, then set fresh keys."""
        self.check()
        self.set_keys(profile)
        return self

    def set_keys(self, profile: str = GCM) -> None:
        number, length = _PROFILES[profile]
        ours, theirs = os.urandom(length), os.urandom(length)
        policy = pylibsrtp.Policy
        self.tx = pylibsrtp.Session(policy(ours, policy.SSRC_ANY_OUTBOUND, 0, number))
        self.rx = pylibsrtp.Session(policy(theirs, policy.SSRC_ANY_INBOUND, 0, number))
        self.harness.engine.set_keys(self.session, profile, theirs, ours)

    def publish(self, publication: int, spec: dict[str, Any]) -> None:
        self.harness.engine.publish(self.session, publication, json.dumps(spec))

    def subscribe(self, *outputs: dict[str, Any]) -> None:
        self.harness.engine.subscribe(self.session, json.dumps({"outputs": outputs}))

    def send(self, packet: Rtp, *, padding: int = 0) -> bytes:
        """Protect and send; returns the datagram, to be replayed."""
        datagram: bytes = self.tx.protect(packet.to_bytes(padding=padding))
        self.socket.sendto(datagram, self.remote)
        return datagram

    def send_rtcp(self, *parts: bytes) -> None:
        empty_report = rtcp_packet(0, 201, struct.pack("!I", 1))
        self.socket.sendto(self.tx.protect_rtcp(empty_report + b"".join(parts)), self.remote)

    def receive(self) -> bytes:
        """The next datagram that is no STUN, as it came."""
        while True:
            data = self.socket.recv(2048)
            if data[0] >= 4:
                return data

    def receive_rtp(self) -> Rtp:
        """The next media packet, decrypted; RTCP in between is passed over."""
        while True:
            data = self.receive()
            if not 192 <= data[1] <= 223:
                return Rtp.parse(self.rx.unprotect(data))

    def receive_rtcp(self, kind: int, count: int | None = None, about: int | None = None) -> bytes:
        """The body of the next RTCP part of this type (beginning with SSRC `about`); media is passed over."""
        while True:
            data = self.receive()
            if 192 <= data[1] <= 223:
                for part_count, part_kind, body in rtcp_parts(self.rx.unprotect_rtcp(data)):
                    is_about = about in {None, int.from_bytes(body[:4], "big")}
                    if part_kind == kind and count in {None, part_count} and is_about:
                        return body


def camera_packet(number: int, *, is_key: bool = False, ssrc: int = 1000, first: int = 60000) -> Rtp:
    """The n-th packet of a camera, one packet a frame."""
    payload = (H264_KEY if is_key else H264_DELTA) + number.to_bytes(4, "big")
    return Rtp(102, (first + number) & 0xFFFF, 5000 + 3000 * number, ssrc, payload, marker=True)
