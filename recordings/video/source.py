"""One video slot's input: order, depayload, picture format, wait for a key frame. Knows no file time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recordings.boxes.init_segment import VideoConfig
from recordings.clock.source import PublisherClocks, SourceClock
from recordings.errors import MalformedPacket
from recordings.rtp.h264 import AccessUnit, H264Depayloader
from recordings.rtp.order import REORDER_NS, ReorderBuffer
from recordings.rtp.packets import RtpPacket, SenderReport
from recordings.rtp.sps import parse_sps, shape_of

CLOCK_RATE_HZ = 90_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready for a track.

    Attributes:
        capture_ns: engine clock of its presentation.
        is_reordered: its source sends B-frames.
        sequence: extended sequence number of its last packet.
        kind: "camera" or "screen".
    """

    capture_ns: int
    config: VideoConfig
    data: bytes
    is_idr: bool
    is_reordered: bool
    first_feed_seq: int
    sequence: int
    publication: int
    kind: str


class VideoSource:
    """The publication shown in a video slot."""

    def __init__(
        self, publication: int, kind: str, clocks: PublisherClocks, resume: dict[str, Any] | None = None
    ) -> None:
        self.publication = publication
        self.kind = kind
        self.clock = SourceClock(CLOCK_RATE_HZ, clocks)
        self.waits_for_idr = True
        self.dropped_pictures = 0
        self._ssrc: int | None = None
        self._order = ReorderBuffer()
        self._depayloader = H264Depayloader()
        self._config: VideoConfig | None = None
        self._newest_timestamp: int | None = None
        self._is_reordered = False
        if resume:
            self._load(resume)

    @property
    def is_waiting(self) -> bool:
        """True while a repair is awaited."""
        return self._order.is_waiting()

    def on_rtp(self, packet: RtpPacket, feed_seq: int, arrival_ns: int) -> None:
        """Take a packet; pictures come out of `pictures`."""
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:
                self._order = ReorderBuffer()
                self._depayloader = H264Depayloader()
                self._newest_timestamp = None
                self.waits_for_idr = True
            self._ssrc = packet.ssrc
        self._order.push(packet, feed_seq, arrival_ns)

    def on_report(self, report: SenderReport, arrival_ns: int) -> None:
        """Take a sender report of this source."""
        if report.ssrc == self._ssrc:
            cname = report.cname or f"publication {self.publication}"
            timestamp = self._order.timestamps.unwrap(report.timestamp)
            self.clock.on_report(timestamp, report.ntp_ns, arrival_ns, cname)

    def pictures(self, now_ns: int) -> Iterator[Picture]:
        """Yield the pictures that are complete, from the first key frame on."""
        for ordered in self._order.pop(now_ns):
            self.clock.on_packet(ordered.timestamp, ordered.arrival_ns)
            for unit in self._depayloader.push(ordered):
                picture = self._accept(unit)
                if picture:
                    yield picture
        if not self._order.is_waiting():
            self._depayloader.expire(now_ns - REORDER_NS)

    def _accept(self, unit: AccessUnit) -> Picture | None:
        if unit.damaged or unit.after_loss:
            self.waits_for_idr = (
                True  # What follows refers to what is missing: a freeze is better than smear.
            )
        changed = self._update_config(unit)
        if not unit.nalus:
            return None
        if unit.is_start:
            self.waits_for_idr = False
        capture_ns = self.clock.engine_ns(unit.timestamp)
        if self.waits_for_idr or self._config is None or capture_ns is None:
            self.dropped_pictures += 1
            return None
        if self._newest_timestamp is not None and unit.timestamp < self._newest_timestamp:
            self._is_reordered = True
        self._newest_timestamp = max(unit.timestamp, self._newest_timestamp or unit.timestamp)
        return Picture(
            capture_ns,
            self._config,
            unit.avcc(keep_parameter_sets=changed),
            unit.is_idr,
            self._is_reordered,
            unit.first_feed_seq,
            unit.sequence,
            self.publication,
            self.kind,
        )

    def _update_config(self, unit: AccessUnit) -> bool:
        """Follow in-band parameter sets; True when they must stay in the sample."""
        if not unit.parameter_sets:
            return False
        old = self._config
        sps = tuple(dict.fromkeys(nalu for nalu in unit.parameter_sets if nalu[0] & 0x1F == 7))
        pps = tuple(dict.fromkeys(nalu for nalu in unit.parameter_sets if nalu[0] & 0x1F == 8))
        if old:
            sps, pps = sps or old.sps, pps or old.pps
        if not sps or not pps:
            return False
        if old and set(sps) <= set(old.sps) and set(pps) <= set(old.pps):
            return False
        try:
            parse_sps(sps[0])
            if old and _shapes(VideoConfig(sps, pps)) == _shapes(old):
                return True  # Only renumbered: the same init segment serves, the sets stay in band.
        except MalformedPacket:
            self.waits_for_idr = True
            return False
        if old and not unit.is_idr and unit.nalus:
            return True
        self._config = VideoConfig(sps, pps)
        return False

    def oldest_feed_seq(self) -> int | None:
        """Lowest feed_seq still in here."""
        held = (self._order.oldest_feed_seq(), self._depayloader.oldest_feed_seq())
        return min((seq for seq in held if seq is not None), default=None)

    def dump(self) -> dict[str, Any]:
        """State for the journal apart from what the track knows."""
        return {
            "publication": self.publication,
            "kind": self.kind,
            "ssrc": self._ssrc,
            "timestamp": self._order.timestamps.highest,  # Only tells the cycle of a 32-bit timestamp.
            "is_reordered": self._is_reordered,
            "clock": self.clock.dump(),
        }

    def _load(self, resume: dict[str, Any]) -> None:
        """Go on behind the last journalled picture: its sequence number, format and clock line are given.

        What the killed recorder saw beyond it comes once more, and is no reordering.
        """
        self._ssrc = resume["ssrc"]
        self._is_reordered = resume.get("is_reordered", False)
        self._order = ReorderBuffer(resume["sequence"], resume["timestamp"])
        self._config = VideoConfig(
            tuple(bytes.fromhex(nalu) for nalu in resume["sps"]),
            tuple(bytes.fromhex(nalu) for nalu in resume["pps"]),
        )
        self.clock.load(resume["clock"])
        self.waits_for_idr = False


def _shapes(config: VideoConfig) -> list[bytes]:
    return [shape_of(nalu) for nalu in (*config.sps, *config.pps)]
