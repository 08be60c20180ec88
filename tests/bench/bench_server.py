"""`zhijian serve` under measurement: pinned to cores, its tokens, its numbers from the control API."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from lecture_api.core.clock import SystemClock
from lecture_api.core.room_tokens import RoomTokenMinter
from tests.support.server import RunningServer

TOKEN_LIFE = timedelta(hours=2)
QUANTILES = (0.5, 0.99)
# All viewers of a swarm are one participant at one address.
UNLIMITED = {
    "ZHIJIAN_MEDIA_MAX_SESSIONS_PER_PARTICIPANT": "100000",
    "ZHIJIAN_MEDIA_MAX_OFFERS_PER_ADDRESS": "100000",
}


# All viewers of the swarm are one participant at one address, which a server at work does not take.
UNLIMITED = {
    "ZHIJIAN_MEDIA_MAX_SESSIONS_PER_PARTICIPANT": "100000",
    "ZHIJIAN_MEDIA_MAX_SESSIONS_PER_ROOM": "100000",
    "ZHIJIAN_MEDIA_MAX_OFFERS_PER_ADDRESS": "100000",
}


class BenchServer:
    """A server without demo data. Rooms known only from tokens are neither recorded nor counted."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._minter = RoomTokenMinter(server.data_dir / "keys", SystemClock())
        self._http = httpx.Client(base_url=server.url, trust_env=False, timeout=30)
        self.url = server.url

    @property
    def pid(self) -> int:
        """The process whose CPU and memory are measured."""
        assert self._server.process is not None
        return self._server.process.pid

    def room_token(self, room: str) -> str:
        """May publish and watch."""
        return self._minter.mint(room=room, participant="bench", grants=["publish", "watch"], ttl=TOKEN_LIFE)

    def status(self) -> dict[str, Any]:
        """`GET /control/status`: sessions, the engine's stats()."""
        headers = {"Authorization": f"Bearer {self._minter.control_token()}"}
        response = self._http.get("/control/status", headers=headers)
        response.raise_for_status()
        status: dict[str, Any] = response.json()
        return status

    def engine(self) -> dict[str, Any]:
        """The engine's numbers, at most 250 ms old."""
        numbers: dict[str, Any] = self.status()["engine"]
        return numbers

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()


@contextmanager
def bench_server(cores: set[int], *, workers: int) -> Iterator[BenchServer]:
    """A fresh server on these cores: memory a viewer must not hide in what an earlier run left allocated."""
    before = os.sched_getaffinity(0)
    with TemporaryDirectory(prefix="zhijian-bench-") as folder:
        # Only what is started now inherits the cores; the threads of this process go on where they were.
        os.sched_setaffinity(0, cores)
        settings = {"ZHIJIAN_MEDIA_WORKERS": str(workers), **UNLIMITED}
        running = RunningServer(Path(folder) / "data", demo=False, settings=settings)
        try:
            running.start()
        finally:
            os.sched_setaffinity(0, before)
        try:
            server = BenchServer(running)
            try:
                yield server
            finally:
                server.close()
        finally:
            running.__exit__(None, None, None)


def delay_between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The engine's added delay (kernel receive time to the return of the last send) of what lies between two
    stats(): µs at p50 and p99, interpolated within its bucket as Prometheus does; at most the last bound.
    Without buckets `since` is "start": then it is of all the engine ever forwarded."""
    histogram = after["forward_delay_us"]
    if "buckets" not in histogram:
        return {"p50_us": histogram["p50"], "p99_us": histogram["p99"], "since": "start"}
    earlier = dict(before["forward_delay_us"]["buckets"])
    # Counts are cumulative.
    counts = [(bound, count - earlier.get(bound, 0)) for bound, count in histogram["buckets"]]
    total = histogram["count"] - before["forward_delay_us"]["count"]
    p50, p99 = (_quantile(counts, share * total) if total else None for share in QUANTILES)
    return {"p50_us": p50, "p99_us": p99, "count": total, "since": "span"}


def _quantile(counts: list[tuple[float, int]], wanted: float) -> float:
    below_bound, below = 0.0, 0
    for bound, count in counts:
        if count >= wanted:
            inside = (wanted - below) / (count - below) if count > below else 1.0
            return round(below_bound + inside * (bound - below_bound), 1)
        below_bound, below = bound, count
    return below_bound
