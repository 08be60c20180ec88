"""Everything that lives for one piece.

The program with its sound, further renditions, and their segmenters.
"""

from typing import Any

from recordings.audio.source import AudioSource
from recordings.audio.track import AudioTrack
from recordings.catalogue import Catalogue
from recordings.clock.pieces import FRAME_SAMPLES, FRAME_TICKS, Piece
from recordings.journal import Entry
from recordings.segmenter import KEY_FRAME_FROM_TICKS, Segmenter
from recordings.video.source import Picture, VideoSource
from recordings.video.track import VideoTrack

PROGRAM = "V0"


class PieceWriter:
    """Pictures and sounds in, parts out.

    Args: resume: the journal's last state when a restarted recorder goes on in this piece, else None.
    """

    def __init__(self, piece: Piece, catalogue: Catalogue, resume: dict[str, Any] | None) -> None:
        self.piece = piece
        self._catalogue = catalogue
        self.audio = AudioTrack(piece, resume["audio"] if resume else None)
        self._written_audio = resume["audio"] if resume else piece.start_samples
        self._tracks: dict[str, VideoTrack] = {}
        self._segmenters: dict[str, Segmenter] = {}
        names = {PROGRAM, *(resume["open"] if resume else ())}
        for name in names:
            self._add_rendition(name, resume)

    def _add_rendition(self, name: str, resume: dict[str, Any] | None) -> None:
        segments = self._catalogue.renditions.get(name, [])
        at = slate = None
        if resume and segments and segments[-1].piece == self.piece.number:
            at, slate = segments[-1].start + segments[-1].duration, segments[-1].is_slate
        is_program = name == PROGRAM
        self._tracks[name] = VideoTrack(
            self.piece, with_slate=is_program, resume_at=at, resume_slate=bool(slate)
        )
        segmenter = Segmenter(name, self._catalogue, self.audio.config if is_program else None)
        if resume and name in resume["slots"]:
            segmenter.resume(resume["slots"][name])
        self._segmenters[name] = segmenter

    @property
    def shows_slate(self) -> bool:
        """True while the program has no picture of its own."""
        return self._tracks[PROGRAM].shows_slate

    def add_picture(self, name: str, picture: Picture) -> None:
        """Take a picture of a slot; a slot seen first opens its rendition."""
        if name not in self._tracks:
            self._add_rendition(name, None)
        self._tracks[name].add(picture)

    def advance(self, now_ns: int, waiting: set[str]) -> None:
        """Let time pass; `waiting` names slots that await a repair."""
        self.audio.advance(now_ns, waiting)
        for name, track in self._tracks.items():
            if name not in waiting:
                track.advance(self.piece.ticks(now_ns))
        self._deliver(is_final=False)

    def key_frames_due(self, now_ns: int, kinds: dict[str, str]) -> list[str]:
        """Slots whose open segment is old enough that a key frame should be asked for."""
        now = self.piece.ticks(now_ns)
        return [
            name
            for name, kind in kinds.items()
            if name in self._segmenters
            and not self._tracks[name].shows_slate
            and self._segmenters[name].segment_age(now)
            >= KEY_FRAME_FROM_TICKS.get(kind, KEY_FRAME_FROM_TICKS["camera"])
        ]

    def _deliver(self, *, is_final: bool) -> None:
        """Hand samples to the segmenters in order of time; a picture waits for the sound before it."""
        program, segmenter = self._tracks[PROGRAM], self._segmenters[PROGRAM]
        pictures, sounds = program.ready, self.audio.ready
        while pictures or sounds:
            picture_at = pictures[0].sample.decode_ticks if pictures else None
            sound_at = sounds[0].position // FRAME_SAMPLES * FRAME_TICKS if sounds else None
            if sound_at is not None and (picture_at is None or sound_at < picture_at):
                segmenter.add_sound(sounds.popleft())
            elif picture_at is not None and (is_final or self.audio.settled_ticks > picture_at):
                segmenter.add_picture(pictures.popleft(), self.piece.number)
            else:
                break
        for name, track in self._tracks.items():
            while name != PROGRAM and track.ready:
                self._segmenters[name].add_picture(track.ready.popleft(), self.piece.number)

    def finish(self) -> int:
        """End all tracks together, on the frame grid; return the piece's end in file ticks."""
        program = self._tracks[PROGRAM]
        end = max(self.piece.start_ticks, program.natural_end(), self.audio.natural_end())
        end = -(-end // FRAME_TICKS) * FRAME_TICKS
        self.audio.finish(end)
        for name, track in self._tracks.items():
            track.finish(end if name == PROGRAM else min(end, track.natural_end()))
        self._deliver(is_final=True)
        return end

    def take(self) -> tuple[list[tuple[str, bytes]], list[Entry], list[dict[str, Any]]]:
        """Cut all renditions; return (media, entries before the part line, parts)."""
        media: list[tuple[str, bytes]] = []
        entries: list[Entry] = []
        parts: list[dict[str, Any]] = []
        for segmenter in self._segmenters.values():
            segmenter.cut_part()
            cut = segmenter.take()
            media += cut.media
            entries += cut.entries
            parts += cut.parts
        ends = [part["a"] // FRAME_TICKS * FRAME_SAMPLES for part in parts if "a" in part]
        self._written_audio = max([self._written_audio, *ends])
        return media, entries, parts

    def oldest_feed_seq(self) -> int | None:
        """Lowest feed_seq not yet cut; call after `take`."""
        held = [track.oldest_feed_seq() for track in self._tracks.values()]
        held.append(self.audio.oldest_feed_seq(self._written_audio))
        return min((seq for seq in held if seq is not None), default=None)

    def dump(self, sources: dict[str, VideoSource | AudioSource]) -> dict[str, Any]:
        """State for the journal: where each slot's source and the sound stand."""
        slots: dict[str, Any] = {}
        for name, source in sources.items():
            state = source.dump()
            if isinstance(source, VideoSource):
                state |= {"sps": [], "pps": [], "sequence": None}
                segmenter = self._segmenters.get(name)
                written = segmenter.written if segmenter else None
                if written and written.publication == source.publication:
                    state |= written.dump()
            slots[name] = state
        is_open = [name for name, segmenter in self._segmenters.items() if segmenter.is_open]
        return {"slots": slots, "audio": self._written_audio, "open": is_open}
