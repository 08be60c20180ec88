"""Two hours at ±200 ppm with three restarts, faster than real time through the feed.

Picture and sound stay within 40 ms of each other everywhere (joints.md §6).
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recordings.catalogue import Catalogue
from recordings.playlist import media_playlist
from recordings.status import recording_status
from tests.integration.recordings.test_recorder_process import finish, put_all, start_recorder
from tests.support.feed_server import WALL_OFFSET_NS, FeedServer
from tests.support.recording_checks import decode, read_catalogue, read_playlist
from tests.support.synthetic_media import Publisher

MOST_APART_S = 0.040
NETWORK_S = 0.020  # What a sender report takes: engine time of a capture lies this much after it.


@pytest.fixture
def fast_dir() -> Iterator[Path]:
    """In memory where there is a tmpfs: 14 000 fsyncs are not what is tested here."""
    shared = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="zhijian-", dir=shared if shared.is_dir() else None))
    yield directory
    shutil.rmtree(directory)


def check(
    directory: Path, catalogue: Catalogue, publishers: list[Publisher], every: int
) -> tuple[float, int]:
    """Decode every n-th pair of segments; return the worst distance and the number of flashes compared."""
    status = recording_status(catalogue, None, now_ms=0, disk_free_ratio=1, is_disk_low=False)
    segments = read_playlist(media_playlist(catalogue, "V0"))
    worst, compared = 0.0, 0
    for index in range(0, len(segments) - 1, every):
        pair = segments[index : index + 2]
        if pair[1].is_discontinuous:
            continue
        found = decode(directory, pair[0].init, [segment.file for segment in pair])
        for flash in found.flashes:
            piece = [piece for piece in status["pieces"] if piece["file_start_ms"] <= flash * 1000][-1]
            wall_s = (piece["wall_start_ms"] - WALL_OFFSET_NS / 1e6 - piece["file_start_ms"]) / 1000 + flash
            publisher = max((p for p in publishers if p.start_s <= wall_s), key=lambda p: p.start_s)
            number = round((wall_s - publisher.flash_s(0)) / 6)
            assert abs(wall_s - NETWORK_S - publisher.flash_s(number)) < 0.080, (index, flash)
            wanted = publisher.burst_s(number) - publisher.flash_s(number)
            bursts = [burst for burst in found.bursts if abs(burst - flash - wanted) < 1]
            if not bursts and (flash + wanted < pair[0].start_s or flash + wanted > pair[1].start_s + 3):
                continue  # The tone lies outside of the decoded pair.
            assert bursts, (index, flash)
            worst = max(worst, abs(bursts[0] - flash - wanted))
            compared += 1
    return worst, compared


@pytest.mark.timeout(300)
def test_two_hours_with_three_restarts_stay_together(fast_dir: Path) -> None:
    directory = fast_dir / "r"
    publishers = [
        Publisher(100.0, number=1, audio_ppm=200, ntp_ppm=-100),
        Publisher(2900.0, number=2, audio_ppm=-200, ntp_ppm=200, audio_from_s=0.5),
        Publisher(5600.0, number=3, audio_ppm=200, audio_from_s=0.5),
    ]
    with FeedServer(fast_dir / "feed.sock") as feed:
        process = start_recorder(directory, feed)
        feed.wait_for(lambda: feed.connections == 1)
        put_all(feed, publishers[0], 1200)
        feed.wait_acked(feed.last_seq // 2)
        process.kill()  # First restart: the recorder.
        process.communicate()
        process = start_recorder(directory, feed)
        feed.wait_for(lambda: feed.connections == 2)
        put_all(feed, publishers[0], 2790, 1200)
        put_all(feed, publishers[1], 2690)  # Second: the page.
        feed.wait_sent()
    process.communicate(timeout=60)
    with FeedServer(fast_dir / "feed.sock", node_epoch="epoch-2") as feed:  # Third: the server.
        process = start_recorder(directory, feed)
        put_all(feed, publishers[2], 1720)
        feed.wait_sent()
        finish(process)
    catalogue = read_catalogue(directory)
    assert [piece.cause for piece in catalogue.pieces] == ["no_media", "feed_lost", "finished"]
    assert catalogue.duration_ms == pytest.approx(7_200_000, abs=2_000)
    worst, compared = check(directory, catalogue, publishers, every=9)
    assert compared > 100
    assert worst <= MOST_APART_S
    for piece in catalogue.pieces:  # And at each beginning, where clocks are least known.
        first = next(i for i, s in enumerate(catalogue.renditions["V0"]) if s.piece == piece.number)
        found = catalogue.renditions["V0"][first : first + 2]
        played = decode(directory, found[0].init, [segment.file for segment in found])
        assert abs(played.bursts[0] - played.flashes[0]) <= MOST_APART_S
