"""`make bench`: CPU a forwarded packet on `zhijian serve` against "the loop" of the same run.

Writes build/bench/relay.json. The load is relay_swarm's (native, str0m, no code of ours on the far side),
over public WHIP and WHEP. The server runs on core 0, the swarm on core 1; the server's idle CPU is
subtracted; nothing is recorded. `burst` sends the nine packets of a frame at once, as encoders do;
`spread` sends them evenly apart, which leaves nothing to batch.
"""

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench.chromium_joins import join_times_ms
from tests.support.server import ZHIJIAN, RunningServer

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "bench" / "relay.json"
SWARM = ROOT / "target" / "release" / "relay_swarm"
SERVER_CORE, SWARM_CORE = 0, 1
CORE_LIMIT_PERCENT = 80.0
RATIO_BAR, RSS_BAR_KB, JOIN_BAR_MS = 1.5, 150.0, 300.0
SECONDS = 10
# (viewers, pattern, frames of nine packets a second)
RUNS = [(50, "burst", 100.0), (200, "burst", 30.0), (50, "spread", 100.0), (200, "spread", 30.0)]
CHROMIUM_JOINS = 15

Figures = dict[str, Any]


def swarm(*words: object) -> Figures:
    """One run of the load generator.

    Raises: RuntimeError with what it said.
    """
    done = subprocess.run([SWARM, *map(str, words)], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"relay_swarm {words[0]}: {done.stderr.strip()}")
    figures: Figures = json.loads(done.stdout)
    return figures


def token(server: RunningServer, room: str) -> str:
    """A bearer token for a foreign tool, from the CLI. Such a room is neither recorded nor counted."""
    command = [str(ZHIJIAN), "token", "--room", room, "--publish", "--watch"]
    environment = os.environ | {"ZHIJIAN_DATA_DIR": str(server.data_dir)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def load(server: RunningServer, viewers: int, pattern: str, fps: float) -> Figures:
    """Run the load; while server or swarm are too busy, again at half the rate (twice at most)."""
    room = f"bench-{viewers}-{pattern}"
    bearer = token(server, room)
    assert server.process is not None
    words: list[object] = ["load", "--whip", f"{server.url}/whip/{room}"]
    words += ["--whep", f"{server.url}/whep/{room}", "--publish-token", bearer, "--watch-token", bearer]
    words += ["--viewers", viewers, "--seconds", SECONDS, "--server-pid", server.process.pid]
    words += ["--core", SWARM_CORE, "--spread", "yes" if pattern == "spread" else "no"]
    first = figures = swarm(*words, "--fps", fps)
    for attempt in (1, 2):
        if max(figures["server_cpu_percent"], figures["swarm_cpu_percent"]) <= CORE_LIMIT_PERCENT:
            break
        figures = swarm(*words, "--fps", fps / 2**attempt)
    # Every 64th packet is authenticated and decrypted by str0m, and its time stamp read.
    if figures["sampled"] * 64 < 0.9 * figures["packets"]:
        raise RuntimeError(f"the viewers could not open what they received: {figures}")
    # Later attempts find memory that the first one left allocated.
    return figures | {"rss_per_viewer_kb": first["rss_per_viewer_kb"]}


def measure_pattern(server: RunningServer, viewers: int, pattern: str, fps: float) -> Figures:
    """The load and, right after it, the loop with as many sockets."""
    figures = load(server, viewers, pattern, fps)
    loop = swarm("loop", "--receivers", viewers, "--core", SERVER_CORE, "--reader-core", SWARM_CORE)
    ratio = figures["us_per_packet"] / loop["us_per_packet"]
    print(
        f"{viewers:>4} viewers, {pattern:<6} {figures['us_per_packet']:.2f} µs/packet,"
        f" loop {loop['us_per_packet']:.2f}, ratio {ratio:.2f}, {figures['packets_per_s']:,.0f} packets/s,"
        f" missing {figures['missing']},"
        f" delay p50 {figures['delay_us_p50'] / 1000:.1f} ms, {figures['rss_per_viewer_kb']:.0f} KB/viewer",
        flush=True,
    )
    return {
        "pattern": pattern,
        "ratio": round(ratio, 3),
        "loop_us": loop["us_per_packet"],
        # True means that something else was running: the figures are then an upper bound.
        "is_core_over_limit": max(figures["core_busy_percent"]) > CORE_LIMIT_PERCENT,
        **figures,
    }


def machine() -> Figures:
    """What the figures belong to."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The short commit id, with `-dirty` when the work tree differs."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def chromium_joins(server: RunningServer) -> Figures:
    """Join to first frame in Chromium, in ms; free to use every core."""
    room = "bench-chromium"
    times = asyncio.run(join_times_ms(server.url, room, token(server, room), CHROMIUM_JOINS))
    return {"p50": round(statistics.median(times), 1), "max": round(max(times), 1), "joins": len(times)}


def verdict(report: Figures) -> list[str]:
    """One line a bar of the issue."""
    worst = max(run["ratio"] for run in report["runs"])
    heaviest = max(run["rss_per_viewer_kb"] for run in report["runs"])
    join = report["chromium_join_ms"]["p50"]
    return [
        f"{'met   ' if value <= bar else 'MISSED'} {name}: {value:.2f} (bar {bar:g})"
        for name, value, bar in (
            ("CPU a packet, times the loop, worst run", worst, RATIO_BAR),
            ("KB of memory a viewer, worst run", heaviest, RSS_BAR_KB),
            ("ms from offer to first frame in Chromium, median", join, JOIN_BAR_MS),
        )
    ]


def main() -> int:
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        print("the benchmark needs two cores: one for the server, one for the load", file=sys.stderr)
        return 1
    runs = []
    for run in RUNS:
        # A server each, so that memory a viewer is not hidden by what an earlier run left allocated.
        with tempfile.TemporaryDirectory(prefix="zhijian-bench-") as folder:
            os.sched_setaffinity(0, {SERVER_CORE})
            with RunningServer(Path(folder) / "data", demo=False) as server:
                runs.append(measure_pattern(server, *run))
    os.sched_setaffinity(0, cores)
    with (
        tempfile.TemporaryDirectory(prefix="zhijian-bench-") as folder,
        RunningServer(Path(folder) / "data", demo=False) as server,
    ):
        joins = chromium_joins(server)
    loop_us = statistics.median(run["loop_us"] for run in runs)
    report = {
        "machine": machine(),
        "commit": commit(),
        "loop_us": loop_us,
        "runs": runs,
        "chromium_join_ms": joins,
    }
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(*verdict(report), f"written: {REPORT.relative_to(ROOT)}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
