"""A whole recording at once, of a drawn scene instead of a lecture: for demo data, before anything is served.

Goes through the recorder's own segmenter, archive and poster, so that a reader cannot tell it from a recorded
one; what it spares is the RTP. Blocking.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from recordings.archive import Archive, RecordingLock
from recordings.boxes.fragment import AudioFrame, VideoSample
from recordings.clock.pieces import FRAME_SAMPLES, FRAME_TICKS, SAMPLES_PER_S, TICKS_PER_S, Piece
from recordings.journal import Entry
from recordings.piece_writer import PROGRAM
from recordings.poster import make_poster
from recordings.scenery import GROUP, LOOP_FRAMES, PICTURES_PER_S, Bell, Scene, encoded_bell
from recordings.segmenter import Segmenter
from recordings.status import recording_status
from recordings.storage import LocalStorage
from recordings.video.track import TimedPicture

_PICTURE_TICKS = TICKS_PER_S // PICTURES_PER_S
_COMMIT_TICKS = 60 * TICKS_PER_S
_EPOCH = "staged"
_SYNCS_AT_ONCE = 16


class _SyncedAtTheEnd(LocalStorage):
    """Nobody knows of the recording before it is whole, so nothing need be durable earlier: a thousand waits
    for the disk become a few.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._written: set[str] = set()

    def append(self, name: str, data: bytes) -> None:
        """See Storage."""
        self._written.add(name)
        super().append(name, data)

    def sync(self) -> None:
        """Only closes what was written."""
        self.close()

    def make_durable(self) -> None:
        """Fsync all files and the directory. Raises: OSError."""
        with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
            for _ in pool.map(_fsync, [self.directory / name for name in self._written]):
                pass
        _fsync(self.directory)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stage_recording(
    directory: Path, *, room: str, wall_start_ms: int, length_ms: int, scene: Scene
) -> dict[str, Any]:
    """Write a finished recording with its poster into a new directory, named by the recording's id.

    Returns: its final status (docs/protocol/recordings.md). Raises: OSError, RecordingLocked.
    """
    storage = _SyncedAtTheEnd(directory)
    lock = RecordingLock(directory)
    archive = Archive(storage)
    try:
        archive.begin_run(directory.name, room)
        _record(archive, wall_start_ms, length_ms, scene)
        storage.make_durable()
    finally:
        archive.close()
        lock.close()
    make_poster(directory)
    return recording_status(
        archive.catalogue, None, now_ms=wall_start_ms + length_ms, disk_free_ratio=1.0, is_disk_low=False
    )


def _record(archive: Archive, wall_start_ms: int, length_ms: int, scene: Scene) -> None:
    piece = Piece(0, 0, wall_start_ms * 1_000_000, 0)
    # Pieces end on the frame grid, a little late.
    end = -(-length_ms * (TICKS_PER_S // 1000) // FRAME_TICKS) * FRAME_TICKS
    begins: Entry = {
        "number": piece.number,
        "wall_start_ns": piece.wall_start_ns,
        "start": piece.start_ticks,
        "engine_start_ns": piece.start_ns,
    }
    archive.commit([], [{"kind": "piece", "piece": begins}])
    bell = encoded_bell()
    segmenter = Segmenter(PROGRAM, archive.catalogue, bell.config)
    sounds = _sounds(bell, end)
    sound = next(sounds, None)
    committed = 0
    for timed in _pictures(scene, end):
        at = timed.sample.decode_ticks
        while sound is not None and _ticks(sound) < at:
            segmenter.add_sound(sound)
            sound = next(sounds, None)
        if at - committed >= _COMMIT_TICKS:
            _commit(archive, segmenter, piece, at)
            committed = at
        segmenter.add_picture(timed, piece.number)
    while sound is not None:
        segmenter.add_sound(sound)
        sound = next(sounds, None)
    _commit(archive, segmenter, piece, end)
    resume = {"epoch": _EPOCH, "ack": 0}
    ends: Entry = {"kind": "piece_end", "end": end, "cause": "finished", "resume": resume}
    archive.commit([], [ends, {"kind": "finished", "at_ms": piece.wall_ns(end) // 1_000_000}])


def _commit(archive: Archive, segmenter: Segmenter, piece: Piece, until: int) -> None:
    """Write what was cut; a line for each part, as a recorder writes it."""
    segmenter.cut_part()
    cut = segmenter.take()
    entries = list(cut.entries)
    for part in cut.parts:
        done = min(part["t"] + part["d"], until)
        audio = part.get("a", 0) // FRAME_TICKS * FRAME_SAMPLES
        wall_ns = piece.wall_ns(done)
        resume = {
            "epoch": _EPOCH,
            "ack": 0,
            "now_ns": wall_ns - piece.wall_start_ns,
            "slots": {},
            "audio": audio,
            "open": [PROGRAM],
        }
        entries.append({"kind": "part", "parts": [part], "at_ms": wall_ns // 1_000_000, "resume": resume})
    archive.commit(cut.media, entries)


def _pictures(scene: Scene, end: int) -> Iterator[TimedPicture]:
    """The scene's groups one after the other, each as often as it takes to go the whole way until `end`."""
    count = max(1, end // _PICTURE_TICKS)
    for number in range(count):
        at = number * _PICTURE_TICKS
        place = number % GROUP
        group = scene.groups[(number - place) * len(scene.groups) // count]
        duration = _PICTURE_TICKS if number < count - 1 else end - at
        sample = VideoSample(at, duration, 0, place == 0, group[place])
        yield TimedPicture(sample, scene.config, False, False, None, None, None)


def _sounds(bell: Bell, end: int) -> Iterator[AudioFrame]:
    for number in range(end // FRAME_TICKS):
        yield AudioFrame(number * FRAME_SAMPLES, bell.frames[number % LOOP_FRAMES])


def _ticks(frame: AudioFrame) -> int:
    return frame.position * (TICKS_PER_S // 6000) // (SAMPLES_PER_S // 6000)
