"""One audio slot's input: order, decode, clock. Knows no file time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recordings.audio.codecs import OpusDecoder
from recordings.clock.source import PublisherClocks, SourceClock
from recordings.errors import MalformedPacket
from recordings.rtp.opus import SAMPLE_RATE_HZ, duration_samples
from recordings.rtp.order import ReorderBuffer
from recordings.rtp.packets import RtpPacket, SenderReport


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded sound of one packet: s16 mono PCM at 48 kHz; `capture_ns` on the engine clock."""

    timestamp: int
    capture_ns: int
    pcm: bytes
    feed_seq: int


class AudioSource:
    """The publication heard in an audio slot."""

    def __init__(
        self, publication: int, clocks: PublisherClocks, resume: dict[str, Any] | None = None
    ) -> None:
        self.publication = publication
        self.clock = SourceClock(SAMPLE_RATE_HZ, clocks)
        self.malformed = 0
        self.last_arrival_ns: int | None = None
        self._ssrc: int | None = None
        self._order = ReorderBuffer()
        self._decoder = OpusDecoder()
        if resume:
            self._ssrc = resume["ssrc"]
            self._order = ReorderBuffer(None, resume["timestamp"])
            self.clock.load(resume["clock"])

    @property
    def is_waiting(self) -> bool:
        """True while a repair is awaited."""
        return self._order.is_waiting()

    def on_rtp(self, packet: RtpPacket, feed_seq: int, arrival_ns: int) -> None:
        """Take a packet; sound comes out of `sounds`."""
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:
                self._order = ReorderBuffer()
                self._decoder = OpusDecoder()
            self._ssrc = packet.ssrc
        self.last_arrival_ns = arrival_ns
        self._order.push(packet, feed_seq, arrival_ns)

    def on_report(self, report: SenderReport, arrival_ns: int) -> None:
        """Take a sender report of this source."""
        if report.ssrc == self._ssrc:
            cname = report.cname or f"publication {self.publication}"
            timestamp = self._order.timestamps.unwrap(report.timestamp)
            self.clock.on_report(timestamp, report.ntp_ns, arrival_ns, cname)

    def sounds(self, now_ns: int) -> Iterator[Sound]:
        """Yield decoded packets in order."""
        for ordered in self._order.pop(now_ns):
            if not ordered.packet.payload:
                continue
            try:
                # It could not leave before its last sample was heard: that instant is nearest to its arrival.
                heard = ordered.timestamp + duration_samples(ordered.packet.payload)
                self.clock.on_packet(heard, ordered.arrival_ns)
                pcm = self._decoder.decode(ordered.packet.payload)
            except MalformedPacket:
                self.malformed += 1
                continue
            capture_ns = self.clock.engine_ns(ordered.timestamp)
            if pcm and capture_ns is not None:
                yield Sound(ordered.timestamp, capture_ns, pcm, ordered.feed_seq)

    def oldest_feed_seq(self) -> int | None:
        """Lowest feed_seq held back."""
        return self._order.oldest_feed_seq()

    def dump(self) -> dict[str, Any]:
        """State for the journal."""
        return {
            "publication": self.publication,
            "ssrc": self._ssrc,
            "timestamp": self._order.timestamps.highest,
            "clock": self.clock.dump(),
        }
