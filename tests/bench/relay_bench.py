"""`make bench`: the relay of `zhijian serve` against "the loop" and the bars of its release, in one run.

Writes build/bench/relay.json and two pictures; `tests.bench.pictures` takes them into docs/. The load is
relay_swarm's (native, str0m) over public WHIP and WHEP. Server on core 0, swarm on core 1; the server's idle
CPU is subtracted; nothing is recorded.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import bars, pictures, scenarios
from tests.bench.bench_server import bench_server
from tests.bench.chromium_joins import join_times_ms
from tests.bench.dtls_context import measured_in_a_child

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "bench" / "relay.json"

Figures = dict[str, Any]


def machine() -> Figures:
    """What the figures belong to."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average_before": [round(load, 2) for load in os.getloadavg()],
    }


def commit() -> str:
    """The short commit id, with `-dirty` when the work tree differs."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def chromium_joins(joins: int) -> Figures:
    """Join to first frame in Chromium, in ms; free to use every core."""
    with bench_server(os.sched_getaffinity(0), workers=0) as server:
        room = "bench-chromium"
        times = asyncio.run(join_times_ms(server.url, room, server.room_token(room), joins))
    return {"p50": round(statistics.median(times), 1), "max": round(max(times), 1), "joins": len(times)}


def measure(scale: scenarios.Scale) -> Figures:
    """Everything, one after the other."""
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - started:5.0f} s] {what}", flush=True)

    report: Figures = {
        "machine": machine(),
        "commit": commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "audience": scale.audience,
    }
    say("memory of a DTLS context")
    report["dtls_context_kb"] = measured_in_a_child()
    say(f"one worker, {scale.audience} viewers")
    report["full_house"] = scenarios.full_house(scale)
    report["ladder"] = []
    for viewers in scale.ladder:
        say(f"one worker, {viewers} viewers")
        report["ladder"].append(scenarios.ladder(viewers, scale))
    say(f"two workers, {scale.audience} viewers")
    report["two_workers"] = scenarios.two_workers(scale)
    say("joins in Chromium")
    report["chromium_join_ms"] = chromium_joins(scale.chromium_joins)
    say("done")
    return report


def table(report: Figures) -> list[str]:
    """The figures behind the bars, a line a window."""
    windows = [
        ("full house", name, report["full_house"][name]) for name in ("burst", "equal", "single", "delay")
    ]
    windows += [("full house", name, report["full_house"][name]) for name in ("overload", "recovered")]
    for rung in report["ladder"]:
        windows += [("ladder", name, rung[name]) for name in ("burst", "single")]
        windows += [("ladder", "delay", figures) for figures in rung.get("delays", ())]
    windows.append(("two workers", "burst", report["two_workers"]["burst"]))
    return [_line(where, name, figures) for where, name, figures in windows]


def _line(where: str, name: str, figures: Figures) -> str:
    delay = figures.get("engine_delay") or {}
    return (
        f"{where:<11} {name:<9} {figures['viewers']:>3} viewers {figures['packets_per_s']:>8,.0f} packets/s"
        f" {figures['us_per_packet']:5.2f} µs  server {figures['server_cpu_percent']:3.0f} %"
        f"  swarm {figures['swarm_cpu_percent']:3.0f} %  engine p99 {delay.get('p99_us') or 0:7.0f} µs"
        f"{'  (something else was running)' if figures.get('is_core_over_limit') else ''}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and short, to try the bench itself")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        print("the benchmark needs two cores: one for the server, one for the load", file=sys.stderr)
        return 1
    report = measure(scenarios.QUICK if arguments.quick else scenarios.FULL)
    report["bars"] = bars.verdict(report)
    report["loop_us"], report["gso_loop_us"] = bars.loop_us(report), bars.loop_us(report, gso=True)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    pictures.write_pictures(report, REPORT.parent)
    print(*table(report), sep="\n")
    print(f"loop {report['loop_us']:.2f} µs, GSO loop {report['gso_loop_us']:.2f} µs a packet")
    print(*bars.lines(report["bars"]), f"written: {REPORT.relative_to(ROOT)}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
