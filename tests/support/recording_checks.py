"""Reads a recording back the way a player does: playlist, then init and segment bytes through PyAV."""

import io
import json
import re
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from recordings.archive import Archive
from recordings.catalogue import Catalogue
from recordings.feed.frames import FeedFrame, FrameKind, slot_number
from recordings.journal import JOURNAL, read_entries
from recordings.pipeline import Pipeline
from recordings.storage import LocalStorage, Storage
from tests.support.synthetic_media import MediaEvent

WALL_OFFSET_NS = 1_790_000_000_000_000_000


class DirectFeed:
    """Feeds a pipeline without a socket."""

    def __init__(self, directory: Path, storage: Storage | None = None, epoch: str = "epoch-1") -> None:
        self.directory = directory
        self.archive = Archive(storage or LocalStorage(directory))
        self.archive.begin_run("r1", "room-1")
        self.pipeline = Pipeline(self.archive, reserve_bytes=0, wall_ms=lambda: 0)
        self.seq = 0
        self.key_frame_requests: list[int] = []
        self.control({"event": "attached", "node_epoch": epoch, "first_seq": 1})

    def control(self, event: dict[str, Any]) -> None:
        self.pipeline.on_frame(FeedFrame(FrameKind.CONTROL, payload=json.dumps(event).encode()))

    def put(self, event: MediaEvent) -> None:
        at_ns, slot, kind, publication, packet = event
        self.seq += 1
        frame_kind = FrameKind.RTP if kind == "rtp" else FrameKind.RTCP
        wall_ns = at_ns + WALL_OFFSET_NS
        self.pipeline.on_frame(
            FeedFrame(frame_kind, slot_number(slot), 0, 7, publication, self.seq, at_ns, wall_ns, packet)
        )
        self.key_frame_requests += self.pipeline.key_frame_requests
        self.pipeline.key_frame_requests.clear()

    def finish(self) -> Catalogue:
        self.pipeline.close("finished")
        self.pipeline.journal_finished()
        self.archive.close()
        return self.archive.catalogue


@dataclass(slots=True)
class PlayedSegment:
    """One entry of a media playlist; `start_s` is its place in the concatenated timeline."""

    file: str
    init: str
    start_s: float
    duration_s: float
    is_discontinuous: bool


def read_playlist(text: str) -> list[PlayedSegment]:
    segments: list[PlayedSegment] = []
    init, at, duration, is_discontinuous = "", 0.0, 0.0, False
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            found = re.search(r'URI="([^"]+)"', line)
            assert found
            init = found[1]
        elif line == "#EXT-X-DISCONTINUITY":
            is_discontinuous = True
        elif line.startswith("#EXTINF:"):
            duration = float(line.removeprefix("#EXTINF:").rstrip(","))
        elif line and not line.startswith("#"):
            segments.append(PlayedSegment(line, init, at, duration, is_discontinuous))
            at, is_discontinuous = at + duration, False
    return segments


def read_catalogue(directory: Path) -> Catalogue:
    catalogue = Catalogue()
    for entry in read_entries((directory / JOURNAL).read_bytes())[0]:
        catalogue.apply(entry)
    return catalogue


@dataclass(slots=True)
class Decoded:
    """What is seen and heard in some segments, in seconds of file time."""

    frames: list[float]
    flashes: list[float]
    bursts: list[float]
    audio_s: float
    audio_start_s: float | None


def decode(directory: Path, init: str, files: list[str]) -> Decoded:
    """Decode init + segments; file time comes from the boxes alone."""
    data = (directory / init).read_bytes() + b"".join((directory / file).read_bytes() for file in files)
    found = Decoded([], [], [], 0.0, None)
    with av.open(io.BytesIO(data), format="mp4") as container:
        for frame in container.decode(*container.streams):
            assert frame.pts is not None
            at = float(frame.pts * frame.time_base)
            if isinstance(frame, av.VideoFrame):
                plane = frame.planes[0]
                luma = bytes(plane)[plane.line_size * (frame.height // 2) + frame.width // 2]
                if luma > 150 and (not found.flashes or at - found.flashes[-1] > 1):
                    found.flashes.append(at)
                found.frames.append(at)
            else:
                samples = array("f", bytes(frame.planes[0])[: 4 * frame.samples])
                found.audio_s += frame.samples / 48000
                if found.audio_start_s is None:
                    found.audio_start_s = at
                if max(samples) > 0.1 and (not found.bursts or at - found.bursts[-1] > 1):
                    first = next(index for index, sample in enumerate(samples) if abs(sample) > 0.1)
                    found.bursts.append(at + first / 48000)
    return found
