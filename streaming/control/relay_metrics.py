"""What the media node counts, as Prometheus metric families.

What lives here: the names, the help texts and where each number comes from. What must not: HTTP (see
`streaming.control.metrics`), and labels whose values anybody outside may choose: every label has a handful of
values, whatever rooms, people and layers there are.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from streaming.rooms.session_states import SessionState
from streaming.signalling.services import NodeServices

PREFIX = "zhijian_media_"
LOSS_STEPS = (0.01, 0.05, 0.1)
# Counters of stats()["totals"] (docs/protocol/engine.md) → metric and help.
TOTALS = {
    "packets_out": ("viewer_packets", "RTP packets sent to viewers, resent ones too."),
    "bytes_out": ("viewer_bytes", "Bytes of RTP sent to viewers."),
    "nack": ("viewer_nacks", "Packets that viewers asked for again."),
    "rtx": ("viewer_retransmissions", "Packets sent to viewers again."),
    "pli": ("viewer_key_frame_requests", "Key frames that viewers asked for (PLI, FIR)."),
    "packets_in": ("publisher_packets", "RTP packets taken from publishers."),
    "bytes_in": ("publisher_bytes", "Bytes of RTP taken from publishers."),
    "keyframes": ("publisher_key_frames", "Key frames that publishers sent."),
    "nack_out": ("publisher_nacks", "Packets asked of publishers again."),
    "pli_out": ("publisher_key_frame_requests", "Key frames asked of publishers (PLI, FIR)."),
}


class RelayMetrics(Collector):
    """Collects at the moment of a scrape; keeps nothing."""

    def __init__(self, services: NodeServices) -> None:
        self._services = services

    def describe(self) -> Iterable[Metric]:
        """Return nothing: a registry need not scrape to learn the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        numbers = json.loads(self._services.engine.stats())
        yield from self._rooms_and_sessions()
        yield from self._life()
        yield from _traffic(numbers)
        yield from _layers(numbers)
        yield from _engine(numbers)
        yield from _workers(numbers)
        yield from _tcp(numbers)
        yield from _recordings(numbers)

    def _rooms_and_sessions(self) -> Iterator[Metric]:
        registry = self._services.registry
        rooms = GaugeMetricFamily(f"{PREFIX}rooms", "Rooms, recorded or not.", labels=["recorded"])
        recorded = sum(room.recording_id is not None for room in registry.rooms.values())
        rooms.add_metric(["yes"], recorded)
        rooms.add_metric(["no"], len(registry.rooms) - recorded)
        yield rooms
        sessions = GaugeMetricFamily(
            f"{PREFIX}sessions", "WHIP and WHEP sessions by role and state.", labels=["role", "state"]
        )
        found = Counter((entry.role, entry.state) for entry in registry.sessions())
        for role in ("publisher", "viewer"):
            for state in (SessionState.NEW, SessionState.CONNECTED, SessionState.SILENT):
                sessions.add_metric([role, state.value], found[role, state])
        yield sessions
        publications = GaugeMetricFamily(
            f"{PREFIX}publications",
            "What is published, by source, kind and state.",
            labels=["source", "kind", "state"],
        )
        kinds = Counter(
            (entry.source, entry.kind, entry.state.value)
            for media_session in registry.sessions()
            for entry in media_session.publications
        )
        for labels, count in sorted(kinds.items()):
            publications.add_metric(list(labels), count)
        yield publications

    def _life(self) -> Iterator[Metric]:
        events = self._services.events
        joins = CounterMetricFamily(f"{PREFIX}joins", "Sessions that got connected.", labels=["role"])
        leaves = CounterMetricFamily(
            f"{PREFIX}leaves", "Connected sessions that ended, by cause.", labels=["role", "cause"]
        )
        for role in ("publisher", "viewer"):
            joins.add_metric([role], events.counts[f"{role}_connected", ""])
            for (kind, cause), count in sorted(events.counts.items()):
                if kind == f"{role}_gone":
                    leaves.add_metric([role, cause], count)
        yield joins
        yield leaves
        yield GaugeMetricFamily(
            f"{PREFIX}events_waiting", "Events the API has not acknowledged yet.", events.waiting
        )
        yield CounterMetricFamily(
            f"{PREFIX}events_given_up", "Events nobody acknowledged in time.", events.given_up
        )


def _traffic(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    totals = numbers.get("totals", {})
    for key, (name, text) in TOTALS.items():
        yield CounterMetricFamily(f"{PREFIX}{name}", text, totals.get(key, 0))
    losing = GaugeMetricFamily(
        f"{PREFIX}viewers_losing", "Sessions that report more loss than this share.", labels=["over"]
    )
    for step in LOSS_STEPS:
        over = sum(entry["loss"] > step for entry in numbers.get("sessions", {}).values())
        losing.add_metric([str(step)], over)
    yield losing


def _layers(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    """Layers are named by place, lowest first: publishers choose their rids."""
    rates: Counter[str] = Counter()
    viewers: Counter[str] = Counter()
    for entry in numbers.get("publications", {}).values():
        layers = entry.get("layers") or [{"bitrate_bps": entry["bitrate_bps"], "viewers": 0}]
        for place, layer in enumerate(layers):
            name = str(place) if entry.get("layers") else "single"
            rates[name] += layer["bitrate_bps"]
            viewers[name] += layer["viewers"]
    rate = GaugeMetricFamily(
        f"{PREFIX}publisher_bytes_per_second",
        "What publishers send, by simulcast layer (0 is the lowest; single: no simulcast).",
        labels=["layer"],
    )
    watching = GaugeMetricFamily(
        f"{PREFIX}layer_viewers", "Slots of viewers that show this simulcast layer.", labels=["layer"]
    )
    for name in sorted({"single", *rates}):
        rate.add_metric([name], rates[name] / 8)
        if name != "single":
            watching.add_metric([name], viewers[name])
    yield rate
    yield watching


def _engine(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        f"{PREFIX}uptime_seconds", "Time since the engine started.", numbers.get("uptime_ms", 0) / 1e3
    )
    yield CounterMetricFamily(
        f"{PREFIX}datagrams_sent", "Datagrams given to the kernel.", numbers.get("sent", 0)
    )
    yield CounterMetricFamily(
        f"{PREFIX}datagrams_refused", "Datagrams the kernel would not take.", numbers.get("send_refused", 0)
    )
    dropped = CounterMetricFamily(
        f"{PREFIX}dropped", "Datagrams that came and were not taken, by reason.", labels=["reason"]
    )
    for reason, count in sorted(numbers.get("dropped", {}).items()):
        dropped.add_metric([reason], count)
    yield dropped
    delay = numbers.get("forward_delay_us", {})
    buckets = [(str(bound / 1e6), count) for bound, count in delay.get("buckets", [])]
    yield HistogramMetricFamily(
        f"{PREFIX}forward_delay_seconds",
        "From the kernel's receive time stamp to the return of the last viewer's send.",
        buckets=[*buckets, ("+Inf", delay.get("count", 0))],
        sum_value=delay.get("sum", 0) / 1e6,
    )


def _workers(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    idle = CounterMetricFamily(
        f"{PREFIX}worker_idle_seconds", "Time a media thread waited for something to do.", labels=["worker"]
    )
    workers = numbers.get("workers") or [{"idle_ns": numbers.get("idle_ns", 0)}]
    for number, worker in enumerate(workers):
        idle.add_metric([str(number)], worker["idle_ns"] / 1e9)
    yield idle
    gso = GaugeMetricFamily(
        f"{PREFIX}worker_gso",
        "Whether a media thread sends by UDP GSO (1) or without (0).",
        labels=["worker"],
    )
    for number, worker in enumerate(workers):
        if "gso" in worker:
            gso.add_metric([str(number)], worker["gso"])
    yield gso
    yield CounterMetricFamily(
        f"{PREFIX}handover_lost",
        "Packets that found no room on their way to another media thread.",
        sum(worker.get("handover_lost", 0) for worker in workers),
    )


def _tcp(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    found = numbers.get("tcp", {})
    yield GaugeMetricFamily(
        f"{PREFIX}tcp_connections", "Media over TCP: connections open.", found.get("open", 0)
    )
    yield CounterMetricFamily(
        f"{PREFIX}tcp_accepted", "Media over TCP: connections accepted.", found.get("accepted", 0)
    )
    closed = CounterMetricFamily(
        f"{PREFIX}tcp_closed",
        "Media over TCP: connections closed because there were too many, or nobody authentic spoke.",
        labels=["reason"],
    )
    closed.add_metric(["too_many"], found.get("refused", 0))
    closed.add_metric(["silent"], found.get("silent", 0))
    yield closed
    yield CounterMetricFamily(
        f"{PREFIX}tcp_dropped", "Packets not sent because a reader was too slow.", found.get("dropped", 0)
    )


def _recordings(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    found = list(numbers.get("recordings", {}).values())
    state = GaugeMetricFamily(
        f"{PREFIX}recordings", "Recordings that are on, with a recorder attached or not.", labels=["recorder"]
    )
    attached = sum(bool(entry["attached"]) for entry in found)
    state.add_metric(["attached"], attached)
    state.add_metric(["missing"], len(found) - attached)
    yield state
    yield GaugeMetricFamily(
        f"{PREFIX}recording_ring_bytes",
        "Media kept until recorders have it on disk.",
        sum(entry["ring_bytes"] for entry in found),
    )
    yield GaugeMetricFamily(
        f"{PREFIX}recording_overflow",
        "Times the ring of a recording that is on was too small: each is a marked gap.",
        sum(entry["overflow"] for entry in found),
    )
