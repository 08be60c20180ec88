"""RTP timestamp to engine clock for one source.

By sender reports, by arrival until the first (joints.md §4).
"""

from collections import deque
from typing import Any

from recordings.clock.tracker import OffsetTracker

_REPORTS = 32
_PLAUSIBLE_NS = 3_000_000_000
_JUMP_NS = 200_000_000
_SLOPE_PRIOR = 50.0  # s²: two reports 5 s apart move the slope by a fifth, a minute of them decides alone.
_MAX_SLOPE = 1e-3


class ReportLine:
    """RTP to publisher NTP: a least-squares line over the last 32 sender reports, near the nominal rate."""

    def __init__(self, clock_rate_hz: int) -> None:
        self._rate = clock_rate_hz
        self._reports: deque[tuple[int, int]] = deque(maxlen=_REPORTS)
        self._timestamp = 0
        self._ntp_ns = 0
        self._slope = 0.0

    @property
    def is_known(self) -> bool:
        """True after the first report."""
        return bool(self._reports)

    def add(self, timestamp: int, ntp_ns: int) -> None:
        """Take a report: extended RTP timestamp and publisher's clock in ns."""
        if self._reports and abs(ntp_ns - self.ntp_ns(timestamp)) > _JUMP_NS:
            self._reports.clear()  # The publisher's clock or its RTP base jumped: begin anew.
            self._slope = 0.0
        self._reports.append((timestamp, ntp_ns))
        self._fit()

    def ntp_ns(self, timestamp: int) -> int:
        """Publisher's clock at an RTP timestamp."""
        nominal = (timestamp - self._timestamp) * 1_000_000_000 / self._rate
        return self._ntp_ns + round(nominal * (1 + self._slope))

    def _fit(self) -> None:
        base_timestamp, base_ntp = self._reports[-1]
        xs = [(timestamp - base_timestamp) / self._rate for timestamp, _ in self._reports]
        ys = [(ntp - base_ntp) / 1e9 - x for x, (_, ntp) in zip(xs, self._reports, strict=True)]
        mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
        sxx = sum((x - mean_x) ** 2 for x in xs)
        sxy = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
        if len(xs) > 1:
            self._slope = max(-_MAX_SLOPE, min(_MAX_SLOPE, sxy / (sxx + _SLOPE_PRIOR)))
        self._timestamp = base_timestamp
        self._ntp_ns = base_ntp + round((mean_y - self._slope * mean_x) * 1e9)

    def dump(self) -> list[float | int]:
        """Anchor and slope, enough to go on after a restart."""
        return [self._timestamp, self._ntp_ns, self._slope]

    def load(self, state: list[float | int]) -> None:
        """Go on from a dump: the anchor counts as one report."""
        self._timestamp, self._ntp_ns, self._slope = int(state[0]), int(state[1]), float(state[2])
        self._reports.append((self._timestamp, self._ntp_ns))


class PublisherClocks:
    """One NTP-to-engine offset per CNAME, so that picture and sound of one publisher share it exactly."""

    def __init__(self) -> None:
        self._trackers: dict[str, OffsetTracker] = {}

    def tracker(self, cname: str, offset_ns: int | None = None) -> OffsetTracker:
        """Return the tracker of a CNAME, made on first use (at `offset_ns` when resuming)."""
        if cname not in self._trackers:
            self._trackers[cname] = OffsetTracker(offset_ns)
        return self._trackers[cname]


class SourceClock:
    """Engine time of a source's RTP timestamps."""

    def __init__(self, clock_rate_hz: int, publishers: PublisherClocks) -> None:
        self._rate = clock_rate_hz
        self._publishers = publishers
        self._arrivals = OffsetTracker()
        self._line = ReportLine(clock_rate_hz)
        self._cname: str | None = None

    def on_packet(self, timestamp: int, arrival_ns: int) -> None:
        """Take a media packet's arrival: the clock until the first sender report, its check afterwards."""
        self._arrivals.observe(self._nominal_ns(timestamp), arrival_ns)

    def on_report(self, timestamp: int, ntp_ns: int, arrival_ns: int, cname: str) -> None:
        """Take a sender report of this source; one that contradicts the arrivals is not believed."""
        by_arrival = self._by_arrival(timestamp)
        if by_arrival is not None and abs(by_arrival - arrival_ns) > _PLAUSIBLE_NS:
            return
        self._cname = cname
        self._line.add(timestamp, ntp_ns)
        self._publishers.tracker(cname).observe(ntp_ns, arrival_ns)

    def engine_ns(self, timestamp: int) -> int | None:
        """Engine time of an extended RTP timestamp, None before anything was observed."""
        by_arrival = self._by_arrival(timestamp)
        if self._line.is_known and self._cname is not None:
            offset = self._publishers.tracker(self._cname).offset_ns
            if offset is not None:
                by_report = self._line.ntp_ns(timestamp) + offset
                # Farther away, one of the publisher's clocks was set anew and the next report will tell.
                if by_arrival is None or abs(by_report - by_arrival) <= _PLAUSIBLE_NS:
                    return by_report
        return by_arrival

    def _by_arrival(self, timestamp: int) -> int | None:
        offset = self._arrivals.offset_ns
        return None if offset is None else self._nominal_ns(timestamp) + offset

    def _nominal_ns(self, timestamp: int) -> int:
        return timestamp * 1_000_000_000 // self._rate

    def dump(self) -> dict[str, Any]:
        """State for the journal, so that a restarted recorder places the next packet on the same line."""
        if self._line.is_known and self._cname is not None:
            offset = self._publishers.tracker(self._cname).offset_ns
            return {"line": self._line.dump(), "cname": self._cname, "offset_ns": offset}
        return {"arrival_offset_ns": self._arrivals.offset_ns}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a dump."""
        if "line" in state:
            self._line.load(state["line"])
            self._cname = state["cname"]
            self._publishers.tracker(state["cname"], state["offset_ns"])
        else:
            self._arrivals = OffsetTracker(state["arrival_offset_ns"])
