"""Recorder processes under their supervisor: killed in mid-part, orphaned, fed garbage, finished."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import pytest

from recordings.app import create_app
from recordings.feed.frames import slot_number
from recordings.playlist import media_playlist
from recordings.settings import RecordingsSettings
from recordings.status import recording_status
from recordings.supervisor import Supervisor
from tests.support.feed_server import FeedServer
from tests.support.recording_checks import decode, read_catalogue, read_playlist
from tests.support.synthetic_media import Publisher, encoded_video

ROOT = Path(__file__).parents[3]


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[FeedServer]:
    with FeedServer(tmp_path / "feed.sock") as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> RecordingsSettings:
    return RecordingsSettings(data_dir=tmp_path / "data", recorder_restart_s=0.05, disk_reserve_mib=0)


def put_all(feed: FeedServer, publisher: Publisher, until_s: float, from_s: float = 0) -> None:
    for at_ns, slot, kind, publication, packet in publisher.events(until_s):
        if at_ns >= (publisher.start_s + from_s) * 1e9:
            feed.put(0 if kind == "rtp" else 1, slot_number(slot), publication, at_ns, packet)


def start_recorder(directory: Path, feed: FeedServer) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "recordings.recorder", f"--directory={directory}", "--recording-id=r1"),
            *("--room=room-1", f"--feed-socket={feed.path}", "--reserve-mib=0", "--idle-s=3600"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )


def finish(process: subprocess.Popen[bytes]) -> list[dict]:
    out, _ = process.communicate(b"finish\n", timeout=50)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def all_frames(directory: Path) -> list[float]:
    catalogue = read_catalogue(directory)
    segments = read_playlist(media_playlist(catalogue, "V0"))
    return [at for segment in segments for at in decode(directory, segment.init, [segment.file]).frames]


def test_killed_recorder_loses_nothing(feed: FeedServer, tmp_path: Path) -> None:
    directory = tmp_path / "r"
    publisher = Publisher(100.0, packet_ms=20, fps=10)
    events = list(publisher.events(30))
    process = start_recorder(directory, feed)
    killed = 0
    for index, (at_ns, slot, kind, publication, packet) in enumerate(events):
        seq = feed.put(0 if kind == "rtp" else 1, slot_number(slot), publication, at_ns, packet)
        if index in (len(events) // 3, len(events) // 2):
            feed.wait_acked(seq - 200)
            process.kill()
            process.communicate()
            killed += 1
            process = start_recorder(directory, feed)
            feed.wait_for(lambda: feed.connections == killed + 1)  # noqa: B023
    feed.wait_sent()
    finish(process)
    assert [hello["node_epoch"] for hello in feed.hellos] == [None, "epoch-1", "epoch-1"]
    assert all(hello["after"] > 0 for hello in feed.hellos[1:])
    catalogue = read_catalogue(directory)
    assert len(catalogue.pieces) == 1
    assert catalogue.runs == 3
    frames = all_frames(directory)
    assert len(frames) == 300
    segments = read_playlist(media_playlist(catalogue, "V0"))
    played = [decode(directory, segment.init, [segment.file]) for segment in segments]
    assert sum(segment.audio_s for segment in played) == pytest.approx(30, abs=0.1)
    flashes = [at for segment in played for at in segment.flashes]
    bursts = [at for segment in played for at in segment.bursts]
    assert bursts == pytest.approx(flashes, abs=0.03)
    assert len(flashes) == 5


def test_killed_engine_loses_at_most_a_part_and_the_next_epoch_goes_on(tmp_path: Path) -> None:
    directory = tmp_path / "r"
    with FeedServer(tmp_path / "feed.sock") as first:
        process = start_recorder(directory, first)
        put_all(first, Publisher(100.0), 11)
        first.wait_sent()
    process.communicate(timeout=30)
    assert process.returncode == 0, "the orphan ends on the end of its socket"
    assert read_catalogue(directory).duration_ms == pytest.approx(11_000, abs=1_000)
    with FeedServer(tmp_path / "feed.sock", node_epoch="epoch-2") as second:
        process = start_recorder(directory, second)
        put_all(second, Publisher(120.0, number=2), 8)
        second.wait_sent()
        finish(process)
    catalogue = read_catalogue(directory)
    status = recording_status(catalogue, None, now_ms=0, disk_free_ratio=1, is_disk_low=False)
    assert len(status["pieces"]) == 2
    assert status["gaps"][0]["cause"] == "feed_lost"
    assert len(all_frames(directory)) == pytest.approx(19 * 5, abs=5)


def test_malformed_feed_ends_the_connection_with_a_counted_error(feed: FeedServer, tmp_path: Path) -> None:
    process = start_recorder(tmp_path / "r", feed)
    put_all(feed, Publisher(100.0), 5)
    feed.wait_sent()
    feed.send_raw(b"\xff" * 100)
    out, _ = process.communicate(timeout=30)
    last = json.loads(out.splitlines()[-1])
    assert process.returncode == 3
    assert last["error"] == "feed_malformed"
    assert last["counters"]["feed_malformed"] == 1
    assert read_catalogue(tmp_path / "r").duration_ms > 4_000, "what came before is kept"


def test_recorder_ends_when_its_supervisor_is_killed(feed: FeedServer, tmp_path: Path) -> None:
    script = (
        "import asyncio,sys\n"
        "from pathlib import Path\n"
        "from recordings.settings import RecordingsSettings\n"
        "from recordings.supervisor import Supervisor\n"
        "async def main():\n"
        f"    supervisor = Supervisor(RecordingsSettings(data_dir=Path({str(tmp_path / 'data')!r})))\n"
        f"    await supervisor.start('r1', 'room-1', {str(feed.path)!r})\n"
        "    while supervisor.child('r1').pid is None: await asyncio.sleep(0.01)\n"
        "    print(supervisor.child('r1').pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout
    child = int(parent.stdout.readline())
    feed.wait_for(lambda: feed.connections == 1)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while _is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_supervisor_restarts_a_killed_recorder_and_finish_is_quick(
    feed: FeedServer, settings: RecordingsSettings
) -> None:
    app = create_app(settings, token_verifier=lambda _: None)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://zhijian") as http,
    ):
        body = {"room": "room-1", "feed_socket": str(feed.path)}
        for _ in range(2):
            response = await http.put("/control/recordings/r1", json=body)
            assert response.json()["state"] in ("starting", "recording")
        supervisor: Supervisor = app.state.supervisor
        await asyncio.to_thread(put_all, feed, Publisher(100.0), 10)
        await asyncio.to_thread(feed.wait_acked, feed.last_seq - 60)
        child = supervisor.child("r1")
        assert child
        assert child.pid
        os.kill(child.pid, signal.SIGKILL)
        await asyncio.to_thread(put_all, feed, Publisher(100.0), 20, 10)
        await asyncio.to_thread(feed.wait_acked, feed.last_seq - 60)
        assert child.restarts == 1
        status = (await http.get("/control/recordings/r1")).json()
        assert status["state"] == "recording"
        assert status["error"] is None
        assert status["last_part_age_ms"] < 60_000
        began = time.monotonic()
        status = (await http.post("/control/recordings/r1/finish")).json()
        assert time.monotonic() - began < 10
        assert status["state"] == "finished"
        assert status["duration_ms"] == pytest.approx(20_000, abs=200)
        assert len(status["pieces"]) == 1
        poster = settings.recordings_dir / "r1" / "poster.jpg"
        async with asyncio.timeout(30):
            while not poster.exists():
                await asyncio.sleep(0.02)
        assert poster.stat().st_mode & 0o777 == 0o600
        with av.open(str(poster)) as picture:
            assert (picture.streams.video[0].width, picture.streams.video[0].height) == (640, 480)
        again = (await http.post("/control/recordings/r1/finish")).json()
        assert {**again, "last_part_age_ms": 0, "disk_free_ratio": 0} == {
            **status,
            "last_part_age_ms": 0,
            "disk_free_ratio": 0,
        }
    assert len(supervisor) == 0


async def test_end_from_the_api_finishes_by_itself_and_nothing_is_fed_without_it(
    feed: FeedServer, settings: RecordingsSettings
) -> None:
    supervisor = Supervisor(settings)
    await supervisor.start("r1", "room-1", str(feed.path))
    await supervisor.start("forbidden", "room-2", str(feed.path))
    await asyncio.to_thread(put_all, feed, Publisher(100.0), 6)
    await asyncio.to_thread(feed.wait_for, lambda: len(feed.hellos) >= 3)
    feed.control({"event": "end"})
    ended, forbidden = supervisor.child("r1"), supervisor.child("forbidden")
    assert ended
    assert forbidden
    while ended.status["state"] != "finished":
        await asyncio.sleep(0.02)
    assert read_catalogue(settings.recordings_dir / "r1").is_finished
    assert forbidden.status["state"] == "starting"
    await supervisor.close()
    assert read_catalogue(settings.recordings_dir / "forbidden").pieces == []
    assert ended.pid is None
    assert forbidden.pid is None


async def test_stopped_service_leaves_the_recording_open_and_the_next_start_goes_on(
    feed: FeedServer, settings: RecordingsSettings
) -> None:
    encoded_video(5)
    for run in (1, 2):
        supervisor = Supervisor(settings)
        await supervisor.start("r1", "room-1", str(feed.path))
        await asyncio.to_thread(put_all, feed, Publisher(100.0 * run, number=run), 6)
        await asyncio.to_thread(feed.wait_sent)
        await supervisor.close()
        catalogue = read_catalogue(settings.recordings_dir / "r1")
        assert catalogue.runs == run
        assert not catalogue.is_finished
        assert catalogue.duration_ms == pytest.approx(6_000 * run, abs=300)
