"""Sequence.

Wrap of 16- and 32-bit counters, and a reorder buffer that waits at most one second for a repair.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from recordings.rtp.packets import RtpPacket

REORDER_NS = 1_000_000_000  # docs/protocol/recorder_feed.md: repairs arrive within 1 s or not at all.


class Unwrapper:
    """Extends a wrapping counter of `bits` bits to one that does not wrap; nearest to the highest seen.

    Source: RFC 3711 §3.3.1 (same idea). A first value may be placed near `around`.
    """

    def __init__(self, bits: int, around: int | None = None) -> None:
        self._size = 1 << bits
        self.highest = around

    def unwrap(self, value: int) -> int:
        """Return the extended value; it may lie behind the highest, by less than half the range."""
        if self.highest is None:
            self.highest = (
                value + self._size
            )  # One cycle up: a packet reordered before the first stays positive.
            return self.highest
        half = self._size >> 1
        extended = self.highest + ((value - self.highest + half) % self._size) - half
        self.highest = max(self.highest, extended)
        return extended


@dataclass(frozen=True, slots=True)
class OrderedPacket:
    """A packet with extended counters.

    Attributes:
        sequence: extended sequence number.
        timestamp: extended RTP timestamp, ticks of the source's clock rate.
        lost_before: packets given up directly before this one.
    """

    packet: RtpPacket
    sequence: int
    timestamp: int
    feed_seq: int
    arrival_ns: int
    lost_before: int = 0


class ReorderBuffer:
    """Puts one source's packets in order; duplicates and late ones are dropped and counted.

    Args: after: extended sequence number already recorded (resume), or None.
    """

    def __init__(self, after: int | None = None, timestamp: int | None = None) -> None:
        self._sequences = Unwrapper(16, after)
        self.timestamps = Unwrapper(32, timestamp)
        self._next = None if after is None else after + 1
        self._held: dict[int, OrderedPacket] = {}
        self.dropped = 0
        self.lost = 0

    def push(self, packet: RtpPacket, feed_seq: int, arrival_ns: int) -> None:
        """Take a packet as it arrived."""
        sequence = self._sequences.unwrap(packet.sequence_number)
        timestamp = self.timestamps.unwrap(packet.timestamp)
        if (self._next is not None and sequence < self._next) or sequence in self._held:
            self.dropped += 1
            return
        self._held[sequence] = OrderedPacket(packet, sequence, timestamp, feed_seq, arrival_ns)

    def pop(self, now_ns: int) -> Iterator[OrderedPacket]:
        """Yield packets in order; a hole is given up when the packet after it is 1 s old."""
        while self._held:
            if self._next is None:
                self._next = min(self._held)
            ready = self._held.pop(self._next, None)
            lost = 0
            if ready is None:
                first = min(self._held)
                if now_ns - self._held[first].arrival_ns < REORDER_NS:
                    return
                lost = first - self._next
                self.lost += lost
                ready = self._held.pop(first)
            self._next = ready.sequence + 1
            if lost:
                ready = OrderedPacket(
                    ready.packet, ready.sequence, ready.timestamp, ready.feed_seq, ready.arrival_ns, lost
                )
            yield ready

    def is_waiting(self) -> bool:
        """True while a hole holds packets back."""
        return bool(self._held)

    def oldest_feed_seq(self) -> int | None:
        """Lowest feed_seq held, which must not be acknowledged yet."""
        return min((held.feed_seq for held in self._held.values()), default=None)
