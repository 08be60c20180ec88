"""What a recording holds, folded from its journal: inits, segments, pieces, gaps. Pure state.

Writer, playlist and status all read it.
"""

from dataclasses import dataclass, field
from typing import Any

from recordings.clock.pieces import FRAME_TICKS, to_ms
from recordings.errors import JournalError
from recordings.journal import Entry


@dataclass(slots=True)
class Segment:
    """One media file; complete once it gets no more parts. Times in ticks of 90 kHz."""

    number: int
    file: str
    init: str
    piece: int
    start: int
    duration: int = 0
    length: int = 0
    is_independent: bool = True
    is_discontinuous: bool = False
    is_slate: bool = False
    is_complete: bool = False


@dataclass(slots=True)
class PieceRecord:
    """One piece as journalled; `end` is None while it is open."""

    number: int
    wall_start_ns: int
    start: int
    engine_start_ns: int
    end: int | None = None
    cause: str | None = None


@dataclass(slots=True)
class InitRecord:
    """One initialisation segment.

    Parameter sets as hex so that a resumed recorder knows the picture format.
    """

    file: str
    rendition: str
    codecs: str
    width: int
    height: int
    is_slate: bool
    sps: list[str]
    pps: list[str]
    length: int


@dataclass(slots=True)
class Catalogue:
    """All facts of one recording."""

    recording_id: str = ""
    room: str = ""
    runs: int = 0
    inits: dict[str, InitRecord] = field(default_factory=dict)
    renditions: dict[str, list[Segment]] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    pieces: list[PieceRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    resume: dict[str, Any] = field(default_factory=dict)
    last_part_ms: int | None = None
    audio_end: int = 0
    is_finished: bool = False

    def apply(self, entry: Entry) -> None:
        """Fold one journal entry. Raises: JournalError when a field is missing or of another kind."""
        try:
            self._apply(entry)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise JournalError(f"journal entry malformed: {entry.get('kind')}") from error

    def _apply(self, entry: Entry) -> None:
        kind = entry["kind"]
        if kind == "recording":
            self.recording_id, self.room = entry["recording_id"], entry["room"]
        elif kind == "run":
            self.runs = entry["run"]
            self.is_finished = False  # A run after the end: the gathering was resumed.
        elif kind == "init":
            self.inits[entry["init"]["file"]] = InitRecord(**entry["init"])
        elif kind == "piece":
            self._close_piece("restart")
            self.pieces.append(PieceRecord(**entry["piece"]))
        elif kind == "part":
            for part in entry["parts"]:
                self._apply_part(part)
            self.resume = entry["resume"]
            self.last_part_ms = entry["at_ms"]
        elif kind == "piece_end":
            self._close_piece(entry["cause"], entry["end"])
            self.resume = entry["resume"]
        elif kind == "warning":
            if entry["code"] not in self.warnings:
                self.warnings.append(entry["code"])
        elif kind == "finished":
            self._close_piece("finished")
            self.is_finished = True

    def _apply_part(self, part: dict[str, Any]) -> None:
        segments = self.renditions.setdefault(part["r"], [])
        self.parts[part["r"]] = self.parts.get(part["r"], 0) + 1
        if not segments or segments[-1].number != part["s"]:
            if segments:
                segments[-1].is_complete = True
            segments.append(
                Segment(
                    part["s"], segment_file(part["r"], part["s"]), part["i"], part["p"], part["t"],
                    is_independent=bool(part["k"]), is_discontinuous=bool(part["x"]),
                    is_slate=self.inits[part["i"]].is_slate,
                )
            )  # fmt: skip
        self.audio_end = max(self.audio_end, part.get("a", 0))
        segments[-1].duration += part["d"]
        segments[-1].length += part["n"]

    def _close_piece(self, cause: str, end: int | None = None) -> None:
        for segments in self.renditions.values():
            segments[-1].is_complete = True
        if self.pieces and self.pieces[-1].end is None:
            piece = self.pieces[-1]
            piece.end = self.media_end() if end is None else end
            piece.cause = cause

    def media_end(self) -> int:
        """File ticks up to which there is media, rounded up to the piece grid."""
        ends = [segments[-1].start + segments[-1].duration for segments in self.renditions.values()]
        start = self.pieces[-1].start if self.pieces else 0
        return max(start, -(-max([self.audio_end, *ends]) // FRAME_TICKS) * FRAME_TICKS)

    @property
    def end(self) -> int:
        """File ticks at which the next piece begins."""
        if self.pieces and self.pieces[-1].end is not None:
            return self.pieces[-1].end
        return self.media_end()

    @property
    def duration_ms(self) -> int:
        """Length of the concatenated timeline."""
        return to_ms(self.end)

    def is_readable(self, file: str) -> bool:
        """True for an init or a complete segment: nothing else leaves the directory."""
        if file in self.inits:
            return True
        rendition, _, number = file.removesuffix(".m4s").partition("-")
        segments = self.renditions.get(rendition, [])
        if not number.isdecimal() or not segments:
            return False
        index = int(number) - segments[0].number
        return 0 <= index < len(segments) and segments[index].file == file and segments[index].is_complete

    def lengths(self) -> dict[str, int]:
        """Journalled length of every media file."""
        lengths = {init.file: init.length for init in self.inits.values()}
        for segments in self.renditions.values():
            lengths.update((segment.file, segment.length) for segment in segments)
        return lengths


def segment_file(rendition: str, number: int) -> str:
    """File name of a segment."""
    return f"{rendition}-{number:06d}.m4s"
