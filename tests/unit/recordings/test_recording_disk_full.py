"""ENOSPC: recording pauses as a marked gap while the feed goes on, and resumes by itself (joints.md §6)."""

import errno
from pathlib import Path

from recordings.playlist import media_playlist
from recordings.status import recording_status
from recordings.storage import LocalStorage
from tests.support.recording_checks import DirectFeed, decode, read_playlist
from tests.support.synthetic_media import Publisher


class SmallDisk(LocalStorage):
    """A local disk that is full when the test says so; a full one takes half of what is written."""

    is_full = False

    def append(self, name: str, data: bytes) -> None:
        if self.is_full:
            super().append(name, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(name, data)

    def free_bytes(self) -> int:
        return 0 if self.is_full else 1 << 30


def test_full_disk_pauses_as_a_gap_and_resumes_by_itself(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "r")
    feed = DirectFeed(tmp_path / "r", disk)
    states: set[str] = set()
    for event in Publisher(100.0, packet_ms=20).events(30):
        at_s = event[0] / 1e9 - 100
        disk.is_full = 10 < at_s < 18
        feed.put(event)
        states.add(feed.pipeline.state)
        if 11 < at_s < 17:
            assert feed.pipeline.state == "paused_disk"
            assert "disk_full" in feed.pipeline.problems()
            assert feed.pipeline.acked >= feed.seq - 60, (
                "what is not recorded does not fill the engine's ring"
            )
    assert states == {"recording", "paused_disk"}
    catalogue = feed.finish()
    status = recording_status(catalogue, None, now_ms=0, disk_free_ratio=0.0, is_disk_low=True)
    assert [gap["cause"] for gap in status["gaps"]] == ["disk_full"]
    gap = status["gaps"][0]
    assert 6_500 <= gap["wall_end_ms"] - gap["wall_start_ms"] <= 11_500
    played = [
        decode(tmp_path / "r", segment.init, [segment.file])
        for segment in read_playlist(media_playlist(catalogue, "V0"))
    ]
    assert sum(len(segment.frames) for segment in played) >= 90
    lengths = catalogue.lengths()
    assert all((tmp_path / "r" / name).stat().st_size == length for name, length in lengths.items())


def test_reserve_is_left_to_the_database(tmp_path: Path) -> None:
    disk = SmallDisk(tmp_path / "r")
    feed = DirectFeed(tmp_path / "r", disk)
    feed.pipeline._reserve_bytes = 2 << 30
    for event in Publisher(100.0).events(5):
        feed.put(event)
    assert feed.pipeline.state == "paused_disk"
    assert feed.archive.catalogue.pieces[0].cause == "disk_full"
