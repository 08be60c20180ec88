"""`make soak`: viewers come, go and are killed for half an hour; nothing of the server may grow.

The swarm churns against `zhijian serve` while resident memory, threads, descriptors, asyncio tasks and
sessions are sampled. What counts is compared at rest: after a warm-up in which everyone left, and at the end,
when the last killed viewer has expired. In a long run the robust slope of memory under churn is judged as
well. Nothing here depends on the machine's speed: a slow one has fewer joins.
"""

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.bench_server import BenchServer, bench_server
from tests.bench.swarm_process import RELEASE_BINARY, Swarm

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "bench" / "soak.json"
# Beyond what a second of consent loss, its grace and the engine's clock need (docs/decisions/0005).
EXPIRY_LIMIT_S = 150.0
REST_RSS_MARGIN_MB = 12.0
SLOPE_MARGIN_MB_PER_HALF_HOUR = 16.0
SLOPE_NEEDS_S = 600.0
# What a viewer takes, roughly (docs/performance.md): memory follows the most that were there at once.
SESSION_MB = 0.13
# asyncio's default thread pool fills up over time; one thread a viewer would be thousands.
THREAD_MARGIN = 8
DESCRIPTOR_MARGIN = 4
TASK_MARGIN = 2

Figures = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """The server at one moment; `at_s` since the soak began."""

    at_s: float
    rss_mb: float
    threads: int
    descriptors: int
    tasks: int
    sessions: int


@dataclass(frozen=True)
class Plan:
    """How long, and how viewers behave: joins a second, mean stay, share that is killed without a word."""

    seconds: float
    rate: float = 5.0
    stay_s: float = 6.0
    kill_share: float = 0.3
    warm_up_s: float = 20.0
    sample_every_s: float = 2.0


class Soak:
    """One server, one swarm, and the samples taken of the former."""

    def __init__(self, server: BenchServer, swarm: Swarm, plan: Plan) -> None:
        self._server, self._swarm, self._plan = server, swarm, plan
        self._process = psutil.Process(server.pid)
        self._started = time.monotonic()
        self.samples: list[Sample] = []

    def sample(self) -> Sample:
        """Look at the server now."""
        status = self._server.status()
        taken = Sample(
            round(time.monotonic() - self._started, 1),
            round(self._process.memory_info().rss / 2**20, 2),
            self._process.num_threads(),
            self._process.num_fds(),
            status["tasks"],
            status["sessions"],
        )
        self.samples.append(taken)
        return taken

    def churn(self, seconds: float, kill_share: float) -> Figures:
        """Let viewers come and go, sampling meanwhile; at the end all of them leave."""
        plan, outcome = self._plan, {}

        def run() -> None:
            try:
                outcome["figures"] = self._swarm.step(
                    "churn",
                    limit_s=seconds + 120,
                    seconds=seconds,
                    rate=plan.rate,
                    stay=plan.stay_s,
                    kill_share=kill_share,
                )
            except RuntimeError as error:
                outcome["error"] = error

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            self.sample()
            thread.join(plan.sample_every_s)
        if "error" in outcome:
            raise outcome["error"]
        self._swarm.step("leave")
        return dict(outcome["figures"])

    def rest(self) -> Sample:
        """Wait until only the publisher is left, and look then.

        Raises: RuntimeError when sessions are still there long after they should have expired.
        """
        deadline = time.monotonic() + EXPIRY_LIMIT_S
        while time.monotonic() < deadline:
            if self.sample().sessions == 1:
                # The tasks that said goodbye end a moment after their session.
                time.sleep(2)
                return self.sample()
            time.sleep(self._plan.sample_every_s)
        raise RuntimeError(f"sessions that never end: {self.samples[-1].sessions - 1}")


def soak(plan: Plan, binary: Path = RELEASE_BINARY) -> Figures:
    """Run the plan on a fresh server. `complaints` of the returned report is empty when nothing grew."""
    cores = set(range(psutil.cpu_count() or 1))
    with bench_server(cores, workers=0) as server:
        options = {"audio": True, "fps": 5, "seed": 1, "binary": binary}
        with Swarm(server.url, "soak", server.room_token("soak"), **options) as swarm:
            run = Soak(server, swarm, plan)
            run.churn(plan.warm_up_s, kill_share=0.0)
            before = run.rest()
            began_at = time.monotonic() - run._started
            figures = run.churn(plan.seconds, plan.kill_share)
            under_churn = [taken for taken in run.samples if taken.at_s >= began_at]
            after = run.rest()
    return {
        "plan": asdict(plan),
        "churn": figures,
        "before": asdict(before),
        "after": asdict(after),
        "slope_mb_per_half_hour": slope_per_half_hour(under_churn),
        "complaints": complaints(plan, figures, before, after, under_churn),
        "samples": [asdict(taken) for taken in run.samples],
    }


def complaints(
    plan: Plan, figures: Figures, before: Sample, after: Sample, under_churn: Sequence[Sample]
) -> list[str]:
    """What grew, and whether the churn was one."""
    # The allocator keeps what the most viewers at once have taken.
    kept = REST_RSS_MARGIN_MB + SESSION_MB * max((taken.sessions for taken in under_churn), default=0)
    found = [
        f"{name} at rest grew from {was} to {now} {unit}"
        for name, was, now, margin, unit in (
            ("memory", before.rss_mb, after.rss_mb, kept, "MB"),
            ("threads", before.threads, after.threads, THREAD_MARGIN, ""),
            ("descriptors", before.descriptors, after.descriptors, DESCRIPTOR_MARGIN, ""),
            ("asyncio tasks", before.tasks, after.tasks, TASK_MARGIN, ""),
        )
        if now > was + margin
    ]
    slope = slope_per_half_hour(under_churn)
    if plan.seconds >= SLOPE_NEEDS_S and slope > SLOPE_MARGIN_MB_PER_HALF_HOUR:
        found.append(f"memory under churn grows by {slope:.1f} MB in half an hour")
    if not figures["begun"] or not figures["killed"]:
        found.append(f"nobody came or was killed: {figures}")
    if figures["failed"]:
        found.append(f"{figures['failed']} joins failed: {figures['complaints']}")
    return found


def slope_per_half_hour(samples: Sequence[Sample]) -> float:
    """Theil and Sen's slope of memory in MB, apart from what the most sessions so far explain; without the
    first third, in which killed viewers still pile up."""
    most, points = 0, []
    for taken in samples:
        most = max(most, taken.sessions)
        points.append((taken.at_s, taken.rss_mb - SESSION_MB * most))
    late = points[len(points) // 3 :]
    late = late[:: max(1, len(late) // 120)]
    slopes = [
        (second[1] - first[1]) / (second[0] - first[0])
        for place, first in enumerate(late)
        for second in late[place + 1 :]
        if second[0] > first[0]
    ]
    return round(1800 * statistics.median(slopes), 2) if slopes else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="length of the churn")
    parser.add_argument("--rate", type=float, default=5.0, help="joins a second")
    arguments = parser.parse_args()
    report = soak(Plan(arguments.minutes * 60, rate=arguments.rate))
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    churn = report["churn"]
    print(
        f"{churn['begun']} joins, {churn['left']} left, {churn['killed']} killed",
        f"before: {report['before']}",
        f"after:  {report['after']}",
        f"memory under churn: {report['slope_mb_per_half_hour']} MB in half an hour",
        *(f"FAIL {complaint}" for complaint in report["complaints"]),
        "PASS nothing grew" if not report["complaints"] else "",
        f"written: {REPORT.relative_to(ROOT)}",
        sep="\n",
    )
    return 1 if report["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
