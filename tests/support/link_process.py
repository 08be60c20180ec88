"""The program between two TUN devices: passes IP packets on, and loses, delays, reorders, rewrites as told.

Run by `impaired_link` with two inherited descriptors (near, far); conditions come as JSON lines on stdin.
Seeded, and alike on every kernel (`tc netem` is a module that many lack). A process of its own, so that no
test's Python holds packets up.
"""

import heapq
import ipaddress
import json
import os
import random
import select
import sys
import time
from dataclasses import dataclass, field
from typing import Any

UDP = 17
MTU_MAX = 65536
QUEUE_S = 0.3
#: Nobody's address, kept for examples.
NOWHERE = bytes((192, 0, 2, 1))


@dataclass(frozen=True)
class Conditions:
    """What the link does to each packet, in both directions alike. Milliseconds; probabilities 0..1."""

    loss: float = 0.0
    delay_ms: float = 0.0
    #: Added to the delay, evenly spread; the order is kept.
    jitter_ms: float = 0.0
    #: Share of packets that overtake all that wait (as `netem reorder`); needs a delay.
    reorder: float = 0.0
    is_dark: bool = False
    is_udp_blocked: bool = False
    #: What each direction carries; a queue of QUEUE_S before it overflows. 0: everything.
    rate_bps: int = 0
    #: Larger UDP packets vanish without a word.
    mtu: int = MTU_MAX
    #: What the near side sees instead of the far side's address, UDP only: a NAT with this address (IPv4).
    #: What is sent to the far side's own address is lost from then on.
    far_alias: str | None = None


@dataclass
class Direction:
    """One way through the link; `waiting` is a heap of (due, number, packet)."""

    out: int
    random: random.Random
    waiting: list[tuple[float, int, bytes]] = field(default_factory=list)
    last_due: float = 0.0
    count: int = 0
    #: When the bottleneck has sent what it took.
    free_at: float = 0.0

    def take(self, packet: bytes, conditions: Conditions, now: float) -> None:
        """Decide about a packet."""
        is_udp = _protocol(packet) == UDP
        is_lost = self.random.random() < conditions.loss
        overtakes = self.random.random() < conditions.reorder
        jitter = self.random.uniform(0, conditions.jitter_ms)
        if is_lost or conditions.is_dark or (is_udp and conditions.is_udp_blocked):
            return
        if is_udp and len(packet) > conditions.mtu:
            return
        if conditions.rate_bps:
            begins = max(now, self.free_at)
            if begins - now > QUEUE_S:
                return
            now = self.free_at = begins + len(packet) * 8 / conditions.rate_bps
        self.count += 1
        if overtakes:
            due = now
        else:
            due = max(now + (conditions.delay_ms + jitter) / 1000, self.last_due)
            self.last_due = due
        heapq.heappush(self.waiting, (due, self.count, packet))

    def pass_on(self, now: float) -> None:
        """Write what is due."""
        while self.waiting and self.waiting[0][0] <= now:
            _, _, packet = heapq.heappop(self.waiting)
            try:
                os.write(self.out, packet)
            except OSError:
                continue  # The device is full or just went: packets are lost, as on any link.


def _protocol(packet: bytes) -> int:
    return packet[9] if packet[0] >> 4 == 4 else packet[6]


def rewritten(packet: bytes, at: int, old: bytes, new: bytes) -> bytes:
    """An IPv4 UDP packet with the address at octet 12 (source) or 16 replaced; others as they are."""
    if packet[0] >> 4 != 4 or packet[9] != UDP or packet[at : at + 4] != old:
        return packet
    changed = bytearray(packet)
    changed[at : at + 4] = new
    header = 4 * (changed[0] & 15)
    changed[header + 6 : header + 8] = b"\0\0"  # Zero: there is no UDP checksum.
    changed[10:12] = b"\0\0"
    total = sum(int.from_bytes(changed[index : index + 2], "big") for index in range(0, header, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    changed[10:12] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(changed)


class Link:
    """Both directions and what holds now."""

    def __init__(self, near: int, far: int, far_address: str, seed: int) -> None:
        self.near, self.far = near, far
        self.to_far = Direction(far, random.Random(seed))
        self.to_near = Direction(near, random.Random(seed + 1))
        self.far_address = ipaddress.ip_address(far_address).packed
        self.conditions = Conditions()

    def carry(self, source: int) -> None:
        """Take what waits on one device."""
        alias = self.conditions.far_alias
        for _ in range(64):
            try:
                packet = os.read(source, MTU_MAX)
            except BlockingIOError:
                return
            now = time.monotonic()
            if source == self.near:
                if alias:
                    packet = rewritten(packet, 16, self.far_address, NOWHERE)
                    packet = rewritten(packet, 16, ipaddress.ip_address(alias).packed, self.far_address)
                self.to_far.take(packet, self.conditions, now)
            else:
                if alias:
                    packet = rewritten(packet, 12, self.far_address, ipaddress.ip_address(alias).packed)
                self.to_near.take(packet, self.conditions, now)

    def wait_s(self) -> float:
        """Seconds until something is due; at most one."""
        dues = [way.waiting[0][0] for way in (self.to_far, self.to_near) if way.waiting]
        return max(0.0, min([1.0, *(due - time.monotonic() for due in dues)]))


def main(arguments: list[str]) -> None:
    """`near_fd far_fd far_address seed`; ends with stdin."""
    near, far = int(arguments[0]), int(arguments[1])
    link = Link(near, far, arguments[2], int(arguments[3]))
    poller = select.epoll()
    for descriptor in (near, far, 0):
        if descriptor:
            os.set_blocking(descriptor, False)
        poller.register(descriptor, select.EPOLLIN)
    while True:
        for descriptor, _ in poller.poll(link.wait_s()):
            if descriptor:
                link.carry(descriptor)
                continue
            line = sys.stdin.readline()
            if not line:
                return
            told: dict[str, Any] = json.loads(line)
            link.conditions = Conditions(**told)
            sys.stdout.write("done\n")
            sys.stdout.flush()
        now = time.monotonic()
        link.to_far.pass_on(now)
        link.to_near.pass_on(now)


if __name__ == "__main__":
    main(sys.argv[1:])
