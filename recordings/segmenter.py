"""One rendition's samples to parts and segments: where they are cut and what the journal says of each.

Writes nothing itself.
"""

from dataclasses import dataclass
from typing import Any

from recordings.boxes.fragment import SEGMENT_TYPE, AudioFrame, VideoSample, fragment
from recordings.boxes.init_segment import AudioConfig, VideoConfig, init_segment
from recordings.catalogue import Catalogue, segment_file
from recordings.clock.pieces import FRAME_SAMPLES, FRAME_TICKS, TICKS_PER_S
from recordings.journal import Entry
from recordings.video.track import TimedPicture

_CUT_FROM_TICKS = 3 * TICKS_PER_S  # A key frame this late begins a segment: it was asked for, target 4 s.
_LONGEST_TICKS = 8 * TICKS_PER_S
_LONGEST_PART_TICKS = TICKS_PER_S
KEY_FRAME_FROM_TICKS = {"camera": 3 * TICKS_PER_S, "screen": 6 * TICKS_PER_S}


@dataclass(slots=True)
class Cut:
    """Media bytes to append and journal entries to write after them, in order."""

    media: list[tuple[str, bytes]]
    entries: list[Entry]
    parts: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Written:
    """The last picture that was handed on: a restarted recorder goes on behind it, in its format."""

    publication: int
    sequence: int
    config: VideoConfig

    def dump(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "sequence": self.sequence,
            "sps": [nalu.hex() for nalu in self.config.sps],
            "pps": [nalu.hex() for nalu in self.config.pps],
        }


class Segmenter:
    """Cuts one rendition. Sound, where there is any, goes into whichever segment is open."""

    def __init__(self, rendition: str, catalogue: Catalogue, audio: AudioConfig | None) -> None:
        self.rendition = rendition
        self._audio_config = audio
        self._inits: dict[VideoConfig, str] = {}
        for init in catalogue.inits.values():
            if init.rendition == rendition:
                self._inits[_config(init.sps, init.pps)] = init.file
        segments = catalogue.renditions.get(rendition, [])
        self._number = segments[-1].number if segments else -1
        self._fragments = catalogue.parts.get(rendition, 0)
        self._is_open = bool(segments) and not segments[-1].is_complete
        self._segment_start = segments[-1].start if segments else 0
        self._end = self._segment_start + (segments[-1].duration if segments else 0)
        self._init = segments[-1].init if segments else ""
        self._is_discontinuous = False
        self._piece = segments[-1].piece if segments else -1
        self._has_part = self._is_open
        self._pictures: list[VideoSample] = []
        self._sounds: list[AudioFrame] = []
        self._cut = Cut([], [], [])
        self.written: Written | None = None

    def resume(self, slot: dict[str, Any]) -> None:
        """Go on from a journalled slot: what was written then is still the last picture."""
        if slot["sps"]:
            config = _config(slot["sps"], slot["pps"])
            self.written = Written(slot["publication"], slot["sequence"], config)

    @property
    def is_pending(self) -> bool:
        """True when there is anything to cut or to commit."""
        return bool(self._pictures or self._sounds or self._cut.parts)

    @property
    def is_open(self) -> bool:
        """True while a segment may get more parts."""
        return self._is_open

    def segment_age(self, now_ticks: int) -> int:
        """Ticks since the open segment began; 0 when none is open."""
        return now_ticks - self._segment_start if self._is_open else 0

    def add_sound(self, frame: AudioFrame) -> None:
        """Take the next audio frame."""
        self._sounds.append(frame)

    def add_picture(self, timed: TimedPicture, piece: int) -> None:
        """Take the next picture with its duration, cutting before it where the rules say so."""
        sample = timed.sample
        init = self._init_for(timed)
        age = sample.decode_ticks - self._segment_start
        if not self._is_open or piece != self._piece or timed.starts_range or init != self._init:
            self._begin_segment(sample, init, piece, is_discontinuous=self._number >= 0)
        elif (sample.is_idr and age >= _CUT_FROM_TICKS) or age + sample.duration > _LONGEST_TICKS:
            self._begin_segment(sample, init, piece, is_discontinuous=False)
        elif self._pictures and (
            sample.decode_ticks + sample.duration - self._pictures[0].decode_ticks > _LONGEST_PART_TICKS
        ):
            self.cut_part()
        self._pictures.append(sample)
        self._end = sample.decode_ticks + sample.duration
        if timed.sequence is not None and timed.publication is not None:
            self.written = Written(timed.publication, timed.sequence, timed.config)

    def _begin_segment(self, sample: VideoSample, init: str, piece: int, *, is_discontinuous: bool) -> None:
        self.cut_part()
        self._number += 1
        self._is_open = True
        self._has_part = False
        self._segment_start = sample.decode_ticks
        self._end = sample.decode_ticks
        self._init, self._piece, self._is_discontinuous = init, piece, is_discontinuous

    def _init_for(self, timed: TimedPicture) -> str:
        name = self._inits.get(timed.config)
        if name is None:
            name = f"{self.rendition}-init-{len(self._inits)}.mp4"
            self._inits[timed.config] = name
            data = init_segment(timed.config, self._audio_config)
            parameters = timed.config.parameters
            codecs = parameters.codec + (",mp4a.40.2" if self._audio_config else "")
            self._cut.media.append((name, data))
            self._cut.entries.append(
                {
                    "kind": "init",
                    "init": {
                        "file": name,
                        "rendition": self.rendition,
                        "codecs": codecs,
                        "width": parameters.width,
                        "height": parameters.height,
                        "is_slate": timed.is_slate,
                        "sps": [nalu.hex() for nalu in timed.config.sps],
                        "pps": [nalu.hex() for nalu in timed.config.pps],
                        "length": len(data),
                    },
                }
            )
        return name

    def cut_part(self) -> None:
        """End the part: what was taken becomes one moof and mdat."""
        if not self._is_open or not (self._pictures or self._sounds):
            return
        self._fragments += 1
        data = fragment(self._fragments, self._pictures, self._sounds)
        if not self._has_part:
            data = SEGMENT_TYPE + data
        start = self._pictures[0].decode_ticks if self._pictures else self._end
        part = {
            "r": self.rendition,
            "s": self._number,
            "i": self._init,
            "p": self._piece,
            "t": start,
            "d": self._end - start,
            "n": len(data),
            "k": int(bool(self._pictures) and self._pictures[0].is_idr),
            "x": int(self._is_discontinuous),
        }
        if self._sounds:
            part["a"] = (self._sounds[-1].position + FRAME_SAMPLES) // FRAME_SAMPLES * FRAME_TICKS
        self._cut.parts.append(part)
        self._cut.media.append((segment_file(self.rendition, self._number), data))
        self._pictures, self._sounds, self._has_part = [], [], True

    def take(self) -> Cut:
        """Hand over what was cut since the last time."""
        cut, self._cut = self._cut, Cut([], [], [])
        return cut


def _config(sps: list[str], pps: list[str]) -> VideoConfig:
    return VideoConfig(tuple(map(bytes.fromhex, sps)), tuple(map(bytes.fromhex, pps)))
