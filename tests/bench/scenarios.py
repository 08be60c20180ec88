"""What `make bench` measures, scenario by scenario. Each returns plain figures; `bars` judges them."""

from dataclasses import dataclass
from typing import Any

from tests.bench.bench_server import BenchServer, bench_server, delay_between
from tests.bench.swarm_process import Swarm, loop

SERVER_CORE, SWARM_CORE = 0, 1
CORE_LIMIT_PERCENT = 80.0
# What a phase aims at, so that with its own ups and downs no core passes the limit.
TARGET_PERCENT = 62.0
PACKETS_PER_FRAME = 9
GENTLE_FPS = 10.0
MOST_FPS = 400.0

Figures = dict[str, Any]


@dataclass(frozen=True)
class Scale:
    """How large and long a run is; the small one is for trying out the bench itself."""

    audience: int
    ladder: tuple[int, ...]
    delay_audience: int
    phase_s: float
    join_rate: float
    lone_joins: int
    chromium_joins: int


FULL = Scale(500, (50, 150), 150, 7.0, 60.0, 15, 12)
QUICK = Scale(50, (20,), 20, 2.0, 30.0, 3, 2)


@dataclass
class House:
    """A server, a swarm in one of its rooms, and how fast the publisher may send."""

    server: BenchServer
    swarm: Swarm

    def phase(self, percent: float, seconds: float, **content: object) -> Figures:
        """Measure a window at which the server's core is `percent` busy, found by two short probes before."""
        probe = self.swarm.step("phase", seconds=0.8, settle=0.7, fps=GENTLE_FPS, sound=False, **content)
        # At a low rate what is spent anyway weighs heavily, so the second probe is nearer.
        fps = min(fps_for(percent, probe), 8 * GENTLE_FPS)
        probe = self.swarm.step("phase", seconds=0.8, settle=0.4, fps=round(fps, 1))
        figures: Figures = {}
        for aim in (percent, percent * 0.7):
            fps = fps_for(aim, probe)
            before = self.server.engine()
            figures = self.swarm.step("phase", seconds=seconds, fps=round(fps, 1), **content)
            figures["engine_delay"] = delay_between(before, self.server.engine())
            if max(figures["server_cpu_percent"], figures["swarm_cpu_percent"]) <= CORE_LIMIT_PERCENT:
                break
            probe = figures
        # True: something else was running, and the figures are an upper bound.
        figures["is_core_over_limit"] = max(figures["core_busy_percent"]) > CORE_LIMIT_PERCENT
        if figures["opened_by_str0m"] * 64 < 0.9 * figures["packets"]:
            raise RuntimeError(f"the viewers could not open what they received: {figures}")
        return figures


def fps_for(percent: float, probe: Figures) -> float:
    """Frames a second at which server and swarm each take at most `percent` of their core."""
    dearest = max(probe["us_per_packet"], probe["swarm_us_per_packet"])
    packets_per_s = percent / 100 * 1e6 / dearest
    return min(MOST_FPS, packets_per_s / (PACKETS_PER_FRAME * probe["viewers"]))


def loops(audience: int) -> tuple[Figures, Figures]:
    """The two limits: one `sendto` each, and nine by one GSO call."""
    cores = {"core": SERVER_CORE, "reader_core": SWARM_CORE}
    return loop(audience, gso=False, **cores), loop(audience, gso=True, **cores)


def full_house(scale: Scale) -> Figures:
    """One worker on one core, the whole audience: cost a packet, joins, delay at 70 %, overload."""
    report: Figures = {"loops": [loops(scale.audience)]}
    with bench_server({SERVER_CORE}, workers=1) as server, _swarm(server) as swarm:
        house = House(server, swarm)
        report |= join_storm(house, scale)
        report["burst"] = house.phase(TARGET_PERCENT, scale.phase_s, pattern="burst", sizes="chromium")
        report["equal"] = house.phase(TARGET_PERCENT, scale.phase_s / 2, pattern="burst", sizes="equal")
        report["single"] = house.phase(TARGET_PERCENT, scale.phase_s, pattern="single", sizes="chromium")
        report["delay"] = house.phase(70.0, scale.phase_s, pattern="burst", sizes="chromium")
        report |= lone_joins(house, scale)
        report |= overload(house, scale, report["burst"])
        report["engine"] = without_sessions(server.engine())
        report["swarm_machine"] = swarm.machine
    report["loops"].append(loops(scale.audience))
    return report


def join_storm(house: House, scale: Scale) -> Figures:
    """Everyone joins while media flows; those who are in already are watched."""
    house.swarm.step("phase", seconds=0.5, settle=1.0, fps=GENTLE_FPS, sound=True)
    before = house.server.engine()
    join = house.swarm.step("join", viewers=scale.audience, rate=scale.join_rate)
    join["engine_delay"] = delay_between(before, house.server.engine())
    settled = house.swarm.step("phase", seconds=1.0, settle=2.0)
    rss = settled["server_rss_kb"] - join["server_before"]["server_rss_kb"]
    return {"join": join, "rss_per_viewer_kb": rss / scale.audience}


def lone_joins(house: House, scale: Scale) -> Figures:
    """POST to first video packet, joins one by one, while the others watch at 25 frames a second."""
    house.swarm.step("phase", seconds=0.5, fps=25, pattern="burst", sound=True)
    # Longer than key-frame requests are coalesced, so that each join is a lone one.
    return {"lone": house.swarm.step("lone", joins=scale.lone_joins, gap_ms=450)}


def overload(house: House, scale: Scale, normal: Figures) -> Figures:
    """Twice what the core can carry, with sound; then half of it, which must be as if nothing had been."""
    capacity = fps_for(100.0, normal | {"swarm_us_per_packet": 0.0})
    content = {"pattern": "burst", "sizes": "chromium", "sound": True}
    seconds = scale.phase_s
    before = house.server.engine()
    during = house.swarm.step("phase", seconds=seconds, settle=2.0, fps=round(2 * capacity, 1), **content)
    during["engine_delay"] = delay_between(before, house.server.engine())
    after = house.swarm.step("phase", seconds=seconds / 2, settle=3.0, fps=round(capacity / 3, 1), **content)
    return {"overload": during, "recovered": after, "capacity_fps": capacity}


def ladder(viewers: int, scale: Scale) -> Figures:
    """Cost a packet with fewer viewers, and for one size delay against load."""
    report: Figures = {"viewers": viewers, "loops": [loops(viewers)]}
    with bench_server({SERVER_CORE}, workers=1) as server, _swarm(server) as swarm:
        house = House(server, swarm)
        swarm.step("join", viewers=viewers, rate=scale.join_rate)
        seconds = scale.phase_s * 0.6
        report["burst"] = house.phase(TARGET_PERCENT, seconds, pattern="burst", sizes="chromium")
        report["single"] = house.phase(TARGET_PERCENT, seconds, pattern="single", sizes="chromium")
        if viewers == scale.delay_audience:
            report["delays"] = [
                house.phase(percent, seconds, pattern="burst", sizes="chromium")
                for percent in (20.0, 45.0, 70.0, 78.0)
            ]
    return report


def two_workers(scale: Scale) -> Figures:
    """Two media threads on both cores, which the swarm shares: the rate is low, the shares are the point."""
    with bench_server({SERVER_CORE, SWARM_CORE}, workers=2) as server, _swarm(server, core=None) as swarm:
        house = House(server, swarm)
        swarm.step("join", viewers=scale.audience, rate=scale.join_rate)
        before = server.engine().get("workers")
        figures = house.phase(TARGET_PERCENT / 2, scale.phase_s, pattern="burst", sizes="chromium")
        after = server.engine().get("workers")
    if not before or not after or len(after) != 2:
        return {"unmeasured": "the engine reports no two workers", "burst": figures}
    sent = [late["sent"] - early["sent"] for early, late in zip(before, after, strict=True)]
    return {"burst": figures, "sent": sent, "larger_share": max(sent) / max(1, sum(sent))}


def without_sessions(engine: Figures) -> Figures:
    """The engine's numbers without the long lists."""
    return {
        name: value
        for name, value in engine.items()
        if name not in ("sessions", "publications", "recordings")
    }


def _swarm(server: BenchServer, core: int | None = SWARM_CORE) -> Swarm:
    room = "bench"
    options: dict[str, object] = {"server_pid": server.pid, "audio": True, "seed": 1, "fps": GENTLE_FPS}
    if core is not None:
        options["core"] = core
    return Swarm(server.url, room, server.room_token(room), **options)
