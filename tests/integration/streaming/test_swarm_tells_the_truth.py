"""relay_swarm against `zhijian serve`: what it counts is what happened. The bars rest on it."""

import os
from collections.abc import Iterator

import pytest

from tests.bench.bench_server import BenchServer, bench_server
from tests.bench.swarm_process import Swarm
from tests.support.swarm_binary import swarm_binary

VIEWERS = 3


@pytest.fixture(scope="module")
def server() -> Iterator[BenchServer]:
    with bench_server(os.sched_getaffinity(0), workers=0) as server:
        yield server


def swarm(server: BenchServer, room: str, **options: object) -> Swarm:
    return Swarm(
        server.url, room, server.room_token(room), binary=swarm_binary(), audio=True, fps=10, **options
    )


@pytest.mark.timeout(180)
def test_every_packet_sent_is_counted_once_by_every_viewer(server: BenchServer) -> None:
    with swarm(server, "whole", server_pid=server.pid) as run:
        join = run.step("join", viewers=VIEWERS, rate=20)
        assert (join["joined"], join["failed"], join["with_etag"]) == (VIEWERS, 0, VIEWERS)
        figures = run.step("phase", seconds=3, pattern="single", sizes="equal")
    assert figures["viewers"] == VIEWERS
    assert figures["missing_video"] == figures["missing_audio"] == 0
    assert figures["frames_torn"] <= VIEWERS  # The one that was arriving when the window began.
    assert figures["frame_goodput"] > 0.5
    assert figures["delay_us_p50"] > 0
    assert figures["us_per_packet"] is not None
    assert server.status()["sessions"] == 0


@pytest.mark.timeout(180)
def test_lost_packets_are_asked_for_and_come_again(server: BenchServer) -> None:
    with swarm(server, "lossy", drop_share=0.1, seed=3) as run:
        run.step("join", viewers=VIEWERS, rate=20)
        figures = run.step("phase", seconds=4, fps=20, sizes="chromium")
        sessions = server.engine()["sessions"].values()
    assert figures["missing_video"] > 0
    assert figures["nacks"] >= figures["repaired"] > 0.5 * figures["missing_video"]
    assert figures["rtx_packets"] >= figures["repaired"]
    # The engine heard it from the viewers' own receiver reports.
    assert sum(one["nack"] for one in sessions) > 0
    assert 0.02 < max(one["loss"] for one in sessions) < 0.4


@pytest.mark.timeout(180)
def test_a_refused_join_is_told_and_the_others_go_on(server: BenchServer) -> None:
    room = "refused"
    with Swarm(
        server.url, room, server.room_token(room), binary=swarm_binary(), watch_token="no-token"
    ) as run:
        join = run.step("join", viewers=1)
    assert (join["joined"], join["failed"]) == (0, 1)
    assert "401" in join["complaints"][0]
    assert "no-token" not in join["complaints"][0]


@pytest.mark.timeout(180)
def test_a_wrong_step_is_answered_and_ends_nothing(server: BenchServer) -> None:
    with swarm(server, "steps") as run:
        with pytest.raises(RuntimeError, match="not a step"):
            run.step("dance")
        assert run.step("join", viewers=1)["joined"] == 1
        assert run.step("leave")["went"] == 1
