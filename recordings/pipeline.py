"""From feed frames to committed parts: the recorder without its process.

Time is the engine clock in the frames; no clock is read for media. One pipeline is one run. It owns the
slots' sources across pieces; what belongs to one piece is in `PieceWriter`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from recordings.archive import Archive
from recordings.audio.source import AudioSource
from recordings.clock.pieces import Piece
from recordings.clock.source import PublisherClocks
from recordings.errors import FeedError, MalformedPacket
from recordings.feed.control import ControlEvent, parse_control
from recordings.feed.frames import FeedFrame, FrameKind, slot_name, slot_number
from recordings.journal import Entry
from recordings.piece_writer import PieceWriter
from recordings.rtp.packets import parse_rtp, parse_sender_reports
from recordings.video.source import VideoSource

GAP_NS = 1_000_000_000  # joints.md §6: no sound and no picture for longer ends the piece.
_ADVANCE_NS = 20_000_000
_COMMIT_NS = (
    500_000_000  # Half the longest part: with what is still in flight, never more than 1 s is at stake.
)
_RETRY_NS = 1_000_000_000
_RESUME_MARGIN_BYTES = 16 << 20  # So that a disk at its limit does not make a gap each second.
_FLUSH_NS = 60_000_000_000
_KEY_FRAME_RETRY_NS = 1_000_000_000
_RESUME_MARGIN_BYTES = 16 << 20  # So that a disk at its limit does not make a gap each second.


class Pipeline:
    """Feed frames in; committed media, an acknowledgement and key frame requests out.

    Attributes:
        acked: highest feed_seq whose media, and that of all before it, is fsynced or deliberately not
            recorded.
        state: "recording" or "paused_disk". warnings: stable codes, present tense.
        is_ended: the API switched the recording off.
    """

    def __init__(self, archive: Archive, *, reserve_bytes: int, wall_ms: Callable[[], int]) -> None:
        self._archive = archive
        self._reserve_bytes = reserve_bytes
        self._wall_ms = wall_ms
        self._clocks = PublisherClocks()
        self._sources: dict[str, VideoSource | AudioSource] = {}
        self._kinds: dict[tuple[str, int], str] = {}
        self._unsupported: set[tuple[str, int]] = set()
        self._writer: PieceWriter | None = None
        self._epoch: str | None = None
        self._resume: dict[str, Any] = {}
        self._now_ns = 0
        self._wall_offset_ns = 0
        self._last_media_ns = 0
        self._advanced_ns = 0
        self._committed_ns = 0
        self._retry_ns = 0
        self._last_seq = 0
        self._asked_ns: dict[str, int] = {}
        self.key_frame_requests: list[int] = []
        self.acked = 0
        self.state = "recording"
        self.warnings: set[str] = set(archive.catalogue.warnings)
        self.is_ended = False
        self.counters: Counter[str] = Counter()

    @property
    def hello(self) -> tuple[str | None, int]:
        """(node_epoch, after) to resume with."""
        resume = self._archive.catalogue.resume
        return resume.get("epoch"), int(resume.get("ack", 0))

    # ---- input
    # -------------------------------------------------------------------------------------------------

    def on_frame(self, frame: FeedFrame) -> None:
        """Take one frame of the engine. Raises: FeedError when the frame breaks the protocol."""
        if frame.kind == FrameKind.CONTROL:
            self._on_control(parse_control(frame.payload))
        elif self._epoch is None:
            raise FeedError("media before attached")
        elif frame.feed_seq <= self._last_seq:
            self.counters["frame_repeated"] += 1
            return
        else:
            self._on_media(frame)
        self._last_seq = max(self._last_seq, frame.feed_seq)
        if self._now_ns - self._advanced_ns >= _ADVANCE_NS:
            self._advance()

    def on_idle(self, elapsed_ns: int) -> None:
        """Let engine time pass while the feed is silent."""
        if self._now_ns:
            self._now_ns += elapsed_ns
            self._advance()

    def _on_media(self, frame: FeedFrame) -> None:
        self._now_ns = max(self._now_ns, frame.monotonic_ns)
        if self._now_ns - self._last_media_ns > GAP_NS:
            self._advance()  # A gap that passed while nobody read the feed.
        self._wall_offset_ns = frame.wall_ns - frame.monotonic_ns
        name = slot_name(frame.slot)
        if (name, frame.publication) in self._unsupported:
            return
        source = self._source(name, frame.publication)
        try:
            if frame.kind == FrameKind.RTP:
                source.on_rtp(parse_rtp(frame.payload), frame.feed_seq, frame.monotonic_ns)
                self._last_media_ns = self._now_ns
                self._pull(name, source)
            elif frame.kind == FrameKind.RTCP:
                for report in parse_sender_reports(frame.payload):
                    source.on_report(report, frame.monotonic_ns)
            else:
                raise FeedError(f"frame kind from the engine: {frame.kind}")
        except MalformedPacket:
            self.counters["packet_malformed"] += 1

    def _source(self, name: str, publication: int) -> VideoSource | AudioSource:
        source = self._sources.get(name)
        if source is not None and source.publication == publication:
            return source
        if source is not None:
            self._pull(name, source, self._now_ns + _FLUSH_NS)
        resume = self._resume.pop(name, None)  # Used once: what comes later is news.
        if resume and resume["publication"] != publication:
            resume = None
        if name.startswith("A"):
            source = AudioSource(publication, self._clocks, resume)
        else:
            kind = self._kinds.get((name, publication)) or (resume or {}).get("kind", "camera")
            source = VideoSource(
                publication, kind, self._clocks, resume if resume and resume["sps"] else None
            )
        self._sources[name] = source
        return source

    # ---- control
    # -----------------------------------------------------------------------------------------------

    def _on_control(self, event: ControlEvent) -> None:
        if event.event == "attached":
            self._attach(str(event.node_epoch), event.first_seq)
        elif event.event == "source" and event.publication is not None:
            name = slot_name(slot_number(str(event.slot)))
            self._kinds[name, event.publication] = event.source
            source = self._sources.get(name)
            if isinstance(source, VideoSource) and source.publication == event.publication:
                source.kind = event.source
            if event.codec.upper() not in ("H264", "OPUS"):
                self._unsupported.add((name, event.publication))
                self._warn("codec_unsupported")
        elif event.event == "overflow":
            self._warn("feed_overflow")
        elif event.event == "end":
            self.is_ended = True

    def _attach(self, epoch: str, first_seq: int) -> None:
        """Go on in the open piece when the feed misses nothing, else end it as of its last part."""
        catalogue = self._archive.catalogue
        resume = catalogue.resume
        self._epoch = epoch
        self._last_seq = self.acked = first_seq - 1
        is_open = bool(catalogue.pieces) and catalogue.pieces[-1].end is None
        if resume.get("epoch") == epoch and first_seq <= resume["ack"] + 1:
            self._last_seq = self.acked = resume["ack"]
            self._resume = dict(resume.get("slots", {}))
            if is_open:
                record = catalogue.pieces[-1]
                piece = Piece(record.number, record.engine_start_ns, record.wall_start_ns, record.start)
                self._writer = PieceWriter(piece, catalogue, resume)
                self._now_ns = self._last_media_ns = self._committed_ns = resume["now_ns"]
        elif is_open:
            cause = "feed_overflow" if resume.get("epoch") == epoch else "restart"
            self._commit([], [self._piece_end(catalogue.end, cause)])

    def _warn(self, code: str) -> None:
        if code not in self.warnings:
            self.warnings.add(code)
            self._commit([], [{"kind": "warning", "code": code}])

    # ---- media
    # -------------------------------------------------------------------------------------------------

    def _pull(self, name: str, source: VideoSource | AudioSource, now_ns: int | None = None) -> None:
        """Move what a source has ready into the piece, opening one if there is none."""
        now_ns = self._now_ns if now_ns is None else now_ns
        if isinstance(source, VideoSource):
            for picture in source.pictures(now_ns):
                if picture.is_reordered:
                    self._warn("b_frames")
                writer = self._open_piece(picture.capture_ns)
                if writer:
                    writer.add_picture(name, picture)
            if source.waits_for_idr and source.dropped_pictures:
                self._ask_key_frame(name)
        else:
            for sound in source.sounds(now_ns):
                writer = self._open_piece(sound.capture_ns)
                if writer:
                    writer.audio.add(name, source.publication, sound, self._now_ns)

    def _open_piece(self, capture_ns: int) -> PieceWriter | None:
        if self._writer or self.state == "paused_disk":
            return self._writer
        catalogue = self._archive.catalogue
        wall_ns = capture_ns + self._wall_offset_ns
        if catalogue.pieces:
            last = catalogue.pieces[-1]
            last_wall_ns = Piece(0, 0, last.wall_start_ns, last.start).wall_ns(catalogue.end)
            if 0 < last_wall_ns - wall_ns < 2 * GAP_NS:  # Pieces end on the frame grid, a little late.
                capture_ns, wall_ns = capture_ns + last_wall_ns - wall_ns, last_wall_ns
        piece = Piece(len(catalogue.pieces), capture_ns, wall_ns, catalogue.end)
        entry: Entry = {
            "kind": "piece",
            "piece": {
                "number": piece.number,
                "wall_start_ns": wall_ns,
                "start": piece.start_ticks,
                "engine_start_ns": capture_ns,
            },
        }
        if self._commit([], [entry]):
            self._writer = PieceWriter(piece, catalogue, None)
            self._committed_ns = self._now_ns
        return self._writer

    def _advance(self) -> None:
        """Let time pass in all tracks; end the piece after a gap; commit when a part is due."""
        self._advanced_ns = self._now_ns
        if self.state == "paused_disk":
            self._try_resume()
            return
        waiting: set[str] = set()
        for name, source in self._sources.items():
            if source.is_waiting:
                self._pull(name, source)
            if source.is_waiting:
                waiting.add(name)
        writer = self._writer
        if writer is None:
            self._update_ack()
            return
        if self._now_ns - self._last_media_ns > GAP_NS:
            self._close_piece("no_media")
            return
        writer.advance(self._now_ns, waiting)
        for name in writer.key_frames_due(self._now_ns, self._video_kinds()):
            self._ask_key_frame(name)
        if self._now_ns - self._committed_ns >= _COMMIT_NS:
            self._commit_parts()
            if self._writer and self._archive.free_bytes() < self._reserve_bytes:
                self._close_piece("disk_full")
                self._pause()

    def _video_kinds(self) -> dict[str, str]:
        return {
            name: source.kind for name, source in self._sources.items() if isinstance(source, VideoSource)
        }

    def _ask_key_frame(self, name: str) -> None:
        if self._now_ns - self._asked_ns.get(name, -_KEY_FRAME_RETRY_NS) >= _KEY_FRAME_RETRY_NS:
            self._asked_ns[name] = self._now_ns
            self.key_frame_requests.append(slot_number(name))

    # ---- output
    # ------------------------------------------------------------------------------------------------

    def _commit_parts(self, ending: Entry | None = None) -> None:
        """Write what is delivered, journal it with the state to resume from, acknowledge."""
        writer = self._writer
        assert writer is not None
        self._committed_ns = self._now_ns
        media, entries, parts = writer.take()
        ack = self._settled_seq(writer)
        resume = {"epoch": self._epoch, "ack": ack, "now_ns": self._now_ns, **writer.dump(self._sources)}
        if parts:
            entries.append({"kind": "part", "parts": parts, "at_ms": self._wall_ms(), "resume": resume})
        if ending:
            entries.append({**ending, "resume": {"epoch": self._epoch, "ack": ack}})
        if not entries or self._commit(media, entries):
            self.acked = max(self.acked, ack)

    def _settled_seq(self, writer: PieceWriter | None) -> int:
        held = [source.oldest_feed_seq() for source in self._sources.values()]
        if writer:
            held.append(writer.oldest_feed_seq())
        return min((seq - 1 for seq in held if seq is not None), default=self._last_seq)

    def _update_ack(self) -> None:
        self.acked = max(self.acked, self._settled_seq(None))

    def _piece_end(self, end: int, cause: str) -> Entry:
        return {
            "kind": "piece_end",
            "end": end,
            "cause": cause,
            "resume": {"epoch": self._epoch, "ack": self.acked},
        }

    def _close_piece(self, cause: str) -> None:
        writer = self._writer
        if writer is None:
            return
        end = writer.finish()
        self._commit_parts(self._piece_end(end, cause))
        self._writer = None
        self._update_ack()

    def close(self, cause: str) -> None:
        """End the run: everything received is written, as far as the disk takes it."""
        for name, source in self._sources.items():
            self._pull(name, source, self._now_ns + _FLUSH_NS)
        self._close_piece(cause)

    def journal_finished(self) -> None:
        """Finish the recording after `close`. Raises: OSError when not even one line fits on the disk."""
        self._archive.commit([], [{"kind": "finished", "at_ms": self._wall_ms()}])

    def _commit(self, media: list[tuple[str, bytes]], entries: list[Entry]) -> bool:
        """Commit; on a full disk pause instead (joints.md §6: the lecture goes on, the gap is marked)."""
        try:
            self._archive.commit(media, entries)
        except OSError:
            self.counters["commit_failed"] += 1
            self._pause()
            return False
        return True

    def _pause(self) -> None:
        self.state = "paused_disk"
        self._writer = None
        self._retry_ns = self._now_ns + _RETRY_NS
        self._update_ack()

    def _try_resume(self) -> None:
        """Once a second: is there room again? Then the gap is journalled and recording goes on."""
        self._update_ack()
        if self._now_ns < self._retry_ns:
            return
        self._retry_ns = self._now_ns + _RETRY_NS
        if self._archive.free_bytes() < self._reserve_bytes + _RESUME_MARGIN_BYTES:
            return
        catalogue = self._archive.catalogue
        entries: list[Entry] = []
        if catalogue.pieces and catalogue.pieces[-1].end is None:
            entries.append(self._piece_end(catalogue.end, "disk_full"))
        self.state = "recording"
        if entries:
            self._commit([], entries)
        for name in self._video_kinds():
            self._ask_key_frame(name)

    def problems(self) -> Iterator[str]:
        """Warning codes that hold now."""
        yield from sorted(self.warnings)
        if self._writer and self._writer.shows_slate:
            yield "video_missing"
        if self.state == "paused_disk":
            yield "disk_full"
