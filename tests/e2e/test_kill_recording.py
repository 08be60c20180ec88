"""SIGKILL of the recorder, then of the whole server, in mid-lecture: one replay, and what of it is lost."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from recordings.clock.pieces import TICKS_PER_S, Piece
from recordings.status import gaps, pieces
from tests.e2e.support.in_the_room import DESKTOP, InTheRoom
from tests.e2e.support.lecture import (
    end_lecture,
    go_live,
    gone_within,
    journalled,
    processes_of,
    recordings_of,
    write_figures,
)
from tests.support.chromium import LOOPBACK_CANDIDATES, chromium
from tests.support.installation import Installation
from tests.support.recording_checks import Decoded, decode, read_playlist
from tests.support.server import RunningServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LECTURER, MEMBER = "DEMO0011", "DEMO0015"
RECORDER = "recordings.recorder"
PART_S = 1.0
#: Capture, encoding, the way to the server and a slow machine's scheduler lie before the recorder.
FEED_LATENCY_S = 0.7


async def test_one_replay_outlives_a_killed_recorder_and_a_killed_server(tmp_path: Path) -> None:
    figures: dict[str, Any] = {}
    with RunningServer(tmp_path / "data") as server:
        installation = Installation(server)
        gathering = installation.schedule(LECTURER)
        page = f"/gatherings/{gathering['id']}"
        async with chromium(LOOPBACK_CANDIDATES) as browser:
            lecturer = await InTheRoom.arrive(browser, installation, LECTURER, DESKTOP)
            member = await InTheRoom.arrive(browser, installation, MEMBER, DESKTOP)
            await go_live(lecturer, page)
            await member.open(page)
            await member.sees_live_picture()
            (directory,) = await eventually(lambda: recordings_of(server))
            await recorded(directory, 5.0)

            await kill_the_recorder(server)
            await recorded(directory, 12.0)
            assert len(journalled(directory).pieces) == 1, "a killed recorder loses nothing"

            kill_ms = await kill_the_server(server, member, figures)
            lost_s = lost_before(directory, kill_ms)
            figures["lost_s"] = lost_s
            assert all(-0.1 <= lost <= PART_S + FEED_LATENCY_S for lost in lost_s.values()), lost_s
            await asyncio.to_thread(server.start)
            figures["ready_s"] = time.time() - kill_ms / 1000
            await sees_picture_again(member)
            figures["restart_s"] = time.time() - kill_ms / 1000
            await recorded(directory, journalled(directory).duration_ms / 1000 + 6.0)

            await end_lecture(lecturer)
            await member.sees_replay()
            assert [lecturer.page_errors, member.page_errors] == [[], []]
        assert recordings_of(server) == [directory], "the same recording went on"
        figures |= look_at_the_replay(installation, gathering["id"], directory)
        assert server.interrupt() == 0
        assert await asyncio.to_thread(gone_within, server.data_dir, 5) == []
    write_figures("kill_recording", figures)


async def kill_the_recorder(server: RunningServer) -> None:
    """SIGKILL; its supervisor starts another."""
    (killed,) = processes_of(server.data_dir, RECORDER)
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: [one for one in processes_of(server.data_dir, RECORDER) if one != killed])


async def kill_the_server(server: RunningServer, member: InTheRoom, figures: dict[str, Any]) -> float:
    """SIGKILL; returns when, UTC ms, once no process of the installation is left."""
    await member.page.evaluate("window.before = window.peerConnections.length")
    kill_ms = time.time() * 1000
    server.kill()
    assert await asyncio.to_thread(gone_within, server.data_dir, 10) == [], "an orphaned recorder ends"
    figures["orphan_gone_s"] = time.time() - kill_ms / 1000
    return kill_ms


def lost_before(directory: Path, kill_ms: float) -> dict[str, float]:
    """Seconds between the kill and the end of what is journalled of picture and sound."""
    catalogue = journalled(directory)
    record = catalogue.pieces[-1]
    line = Piece(0, 0, record.wall_start_ns, record.start)
    picture = catalogue.renditions["V0"][-1]
    ends = {"V0": picture.start + picture.duration, "A": catalogue.audio_end}
    return {slot: (kill_ms - line.wall_ns(end) / 1e6) / 1000 for slot, end in ends.items()}


async def sees_picture_again(member: InTheRoom) -> None:
    await member.page.wait_for_function(
        "() => window.peerConnections.length > window.before && "
        "window.peerConnections.at(-1).connectionState === 'connected'",
        timeout=60_000,
    )
    await member.sees_live_picture()


def look_at_the_replay(installation: Installation, gathering_id: str, directory: Path) -> dict[str, Any]:
    """The playlist as a player gets it, decoded; returns figures."""
    with closing(installation.signed_in(MEMBER)) as api:
        grant = api.post(f"/api/gatherings/{gathering_id}/replay-grant").json()
        playlist = api.get(grant["playlist_url"].replace("master", "V0"))
    assert playlist.status_code == 200
    assert "#EXT-X-ENDLIST" in playlist.text
    segments = read_playlist(playlist.text)
    played = [decode(directory, segment.init, [segment.file]) for segment in segments]
    for segment, found in zip(segments, played, strict=True):
        assert found.frames, f"no picture in {segment.file}"
        # Sound does not wait for a late picture: what is a part early goes into the segment that is open.
        assert found.audio_s == pytest.approx(segment.duration_s, abs=PART_S), segment.file
    duration_s = sum(segment.duration_s for segment in segments)
    assert sum(found.audio_s for found in played) == pytest.approx(duration_s, abs=0.1)

    catalogue = journalled(directory)
    assert catalogue.is_finished
    first, second = catalogue.pieces
    assert second.start == first.end, "pieces touch in file time"
    assert duration_s == pytest.approx(catalogue.end / TICKS_PER_S, abs=0.01)
    (gap,) = gaps(catalogue)
    assert gap["cause"] == "feed_lost"
    assert {piece["file_start_ms"] for piece in pieces(catalogue)} >= {0, gap["file_ms"]}
    assert len(grant["map"]) >= 2
    # The recorder was killed in the first piece, with the lecturer sending on: no frame is missing there.
    border = second.start / TICKS_PER_S
    holes = {"first": longest_hole(played, 0, border), "second": longest_hole(played, border, 1e9)}
    assert holes["first"] < 0.5, holes
    return {"longest_hole_s": holes, "gap_s": (gap["wall_end_ms"] - gap["wall_start_ms"]) / 1000}


def longest_hole(played: list[Decoded], begin_s: float, end_s: float) -> float:
    """The longest time without a new picture within a stretch of file time."""
    frames = [at for found in played for at in found.frames if begin_s <= at < end_s]
    return max(later - earlier for earlier, later in pairwise(frames))


async def recorded(directory: Path, seconds: float) -> None:
    async with asyncio.timeout(60):
        while journalled(directory).duration_ms < seconds * 1000:
            await asyncio.sleep(0.1)


async def eventually(look: Callable[[], list[Any]]) -> list[Any]:
    async with asyncio.timeout(20):
        while not (found := look()):
            await asyncio.sleep(0.05)
        return found
