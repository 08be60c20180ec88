"""The bars of the relay and their verdicts. Figures come from `scenarios`; nothing is measured here."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]


class NotMeasurable(Exception):
    """The engine cannot be asked this yet; the text says what it lacks."""


@dataclass(frozen=True)
class Bar:
    """`value` takes the report and returns the figure. `is_floor`: the figure must not be below the limit."""

    name: str
    limit: float
    unit: str
    value: Callable[[Figures], float]
    is_floor: bool = False

    def judge(self, report: Figures) -> Figures:
        """A row of the verdict: `result` is PASS, FAIL or UNMEASURED, the latter with a reason."""
        row: Figures = {"bar": self.name, "limit": self.limit, "unit": self.unit, "is_floor": self.is_floor}
        try:
            value = float(self.value(report))
        except NotMeasurable as reason:
            return row | {"result": "UNMEASURED", "value": None, "reason": str(reason)}
        except (TypeError, KeyError, ZeroDivisionError) as error:
            # A window in which nothing arrived leaves no figure; the other bars are still worth their run.
            return row | {"result": "UNMEASURED", "value": None, "reason": f"no figure: {error}"}
        passes = value >= self.limit if self.is_floor else value <= self.limit
        return row | {"result": "PASS" if passes else "FAIL", "value": round(value, 3)}


def loop_us(report: Figures, *, gso: bool = False) -> float:
    """CPU a packet of a loop: the mean of the runs before and after the audience."""
    return statistics.fmean(pair[gso]["us_per_packet"] for pair in report["full_house"]["loops"])


def _us(report: Figures, phase: str) -> float:
    return float(report["full_house"][phase]["us_per_packet"])


def _p99_ms(figures: Figures, *, must_be_span: bool = True) -> float:
    delay = figures["engine_delay"]
    if must_be_span and delay["since"] != "span":
        raise NotMeasurable("the engine's histogram has no buckets, so a span of time cannot be told apart")
    if delay["p99_us"] is None:
        raise NotMeasurable("nothing was forwarded")
    return float(delay["p99_us"]) / 1000


def _delay_at_70(report: Figures) -> float:
    for rung in report["ladder"]:
        for figures in rung.get("delays", ()):
            if 60 <= figures["server_cpu_percent"] <= 80:
                return _p99_ms(figures)
    raise NotMeasurable("no window had the core between 60 and 80 % busy")


def _joining_p99_ms(report: Figures) -> float:
    """What the engine added; without its buckets what viewers saw, on the core of the joining clients."""
    join = report["full_house"]["join"]
    try:
        return _p99_ms(join)
    except NotMeasurable:
        return float(join["delay_us_p99"] or 0.0) / 1000


def _join_seconds(report: Figures) -> float:
    join = report["full_house"]["join"]
    if join["joined"] < report["audience"]:
        raise NotMeasurable(f"only {join['joined']} joined: {join['complaints']}")
    return float(join["join_seconds"])


def _two_workers(report: Figures, field: str) -> Figures:
    figures: Figures = report["two_workers"]
    if "unmeasured" in figures:
        raise NotMeasurable(str(figures["unmeasured"]))
    if field not in figures:
        raise NotMeasurable(f"no {field}")
    return figures


def _torn_percent(report: Figures) -> float:
    phase = report["full_house"]["overload"]
    if phase["viewer_socket_drops"] > 0.001 * phase["packets"]:
        raise NotMeasurable(f"the load itself lost {phase['viewer_socket_drops']} packets")
    begun = phase["frames_whole"] + phase["frames_torn"]
    return 100.0 * float(phase["frames_torn"]) / max(1, begun)


def _phase_percent(phase: str, field: str) -> Callable[[Figures], float]:
    return lambda report: 100.0 * float(report["full_house"][phase][field] or 0.0)


BARS = (
    Bar(
        "CPU a packet / the loop, bursts of nine, Chromium's sizes",
        0.45,
        "×",
        lambda r: _us(r, "burst") / loop_us(r),
    ),
    Bar("CPU a packet / the loop, packets singly", 1.3, "×", lambda r: _us(r, "single") / loop_us(r)),
    Bar(
        "CPU a packet / the GSO loop, bursts of nine",
        1.6,
        "×",
        lambda r: _us(r, "burst") / loop_us(r, gso=True),
    ),
    Bar("p99 added delay, core at 70 %, fan-out of the delay rung", 3.0, "ms", _delay_at_70),
    Bar(
        "p99 added delay, core at 70 %, whole audience",
        3.0,
        "ms",
        lambda r: _p99_ms(r["full_house"]["delay"]),
    ),
    Bar(
        "memory a viewer beyond its DTLS context",
        60.0,
        "KB",
        lambda r: r["full_house"]["rss_per_viewer_kb"] - r["dtls_context_kb"],
    ),
    Bar(
        "WHEP POST to first video packet, p50, joins alone",
        40.0,
        "ms",
        lambda r: r["full_house"]["lone"]["lone_join_ms_p50"],
    ),
    Bar("the whole audience joins within", 10.0, "s", _join_seconds),
    Bar("p99 added delay while they join", 10.0, "ms", _joining_p99_ms),
    Bar(
        "CPU a packet, two workers / one",
        1.1,
        "×",
        lambda r: _two_workers(r, "burst")["burst"]["us_per_packet"] / _us(r, "burst"),
    ),
    Bar(
        "larger share of two workers",
        60.0,
        "%",
        lambda r: 100 * _two_workers(r, "larger_share")["larger_share"],
    ),
    Bar("twice the load: frames that arrive torn", 1.0, "%", _torn_percent),
    Bar(
        "twice the load: sound that arrives",
        99.0,
        "%",
        _phase_percent("overload", "audio_goodput"),
        is_floor=True,
    ),
    # Half of it could arrive at best.
    Bar(
        "twice the load: frames that arrive whole",
        35.0,
        "%",
        _phase_percent("overload", "frame_goodput"),
        is_floor=True,
    ),
    Bar(
        "after it: frames that arrive whole",
        99.5,
        "%",
        _phase_percent("recovered", "frame_goodput"),
        is_floor=True,
    ),
    Bar("offer to first frame in Chromium, median", 300.0, "ms", lambda r: r["chromium_join_ms"]["p50"]),
    Bar(
        "CPU of the load / of the server it loads",
        1.0,
        "×",
        lambda r: r["full_house"]["burst"]["swarm_to_server_cpu"],
    ),
)


def verdict(report: Figures) -> list[Figures]:
    """A row a bar."""
    return [bar.judge(report) for bar in BARS]


def lines(rows: list[Figures]) -> list[str]:
    """The rows as text."""
    found = []
    for row in rows:
        sign = "≥" if row["is_floor"] else "≤"
        value = row.get("reason") or f"{row['value']:.2f} {row['unit']}"
        found.append(f"{row['result']:<10} {row['bar']}: {value} (bar {sign} {row['limit']:g} {row['unit']})")
    return found
