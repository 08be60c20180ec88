"""One rendition's pictures on the file clock: decode times, durations, freeze, slate.

One object a piece; knows no RTP.
"""

from collections import deque
from dataclasses import dataclass

from recordings.boxes.fragment import VideoSample
from recordings.boxes.init_segment import VideoConfig
from recordings.clock.pieces import TICKS_PER_S, Piece
from recordings.slate import slate_picture
from recordings.video.decode_order import DecodeOrder
from recordings.video.source import Picture

_FREEZE_TICKS = TICKS_PER_S  # joints.md §6: a slate after 1 s without video.
# Chromium repeats a screen that does not change once a second only, and not to the millisecond.
_SCREEN_FREEZE_TICKS = 3 * TICKS_PER_S
_HOLD_TICKS = TICKS_PER_S // 4  # How late a picture may come without being overtaken by the slate.
_USUAL_TICKS = TICKS_PER_S // 30


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """A picture whose end is known."""

    sample: VideoSample
    config: VideoConfig
    is_slate: bool
    starts_range: bool
    first_feed_seq: int | None
    sequence: int | None
    publication: int | None


@dataclass(slots=True)
class _Pending:
    decode: int
    composition: int
    picture: Picture | None  # None = slate.
    starts_range: bool = False


class VideoTrack:
    """Gives each picture its decode time and, when the next is known, its duration.

    Args:
        with_slate: program rendition: gaps are covered; others just end a range and begin a new one.
        resume_at: end of the last journalled picture when a recorder goes on in this piece; resume_slate: it
            was the slate.
    """

    def __init__(
        self, piece: Piece, *, with_slate: bool, resume_at: int | None = None, resume_slate: bool = False
    ) -> None:
        self._piece = piece
        self._with_slate = with_slate
        self._pending: _Pending | None = None
        self._end = piece.start_ticks if resume_at is None else resume_at
        self._has_begun = resume_at is not None
        self._step = _USUAL_TICKS
        self._order = DecodeOrder()
        if resume_slate:
            self._pending = _Pending(self._end, 0, None)
        self.ready: deque[TimedPicture] = deque()

    @property
    def shows_slate(self) -> bool:
        """True while the slate covers missing pictures."""
        return self._pending is not None and self._pending.picture is None

    @property
    def last_decode(self) -> int:
        """Decode time of the newest picture, or the end of what was recorded."""
        return self._pending.decode if self._pending else self._end

    @property
    def _freeze_ticks(self) -> int:
        picture = self._pending.picture if self._pending else None
        return _SCREEN_FREEZE_TICKS if picture and picture.kind == "screen" else _FREEZE_TICKS

    def add(self, picture: Picture) -> None:
        """Take the next picture in decode order."""
        presentation = self._piece.ticks(picture.capture_ns)
        if self._with_slate and not self._has_begun:
            # The first picture also covers the moment before it, up to 1 s.
            presentation = self._piece.start_ticks
        in_order = self._order.place(presentation, is_behind=picture.is_reordered and not picture.is_idr)
        earliest = self._pending.decode + 1 if self._pending else self._end
        decode = max(in_order if picture.is_reordered else presentation, earliest)
        if self._pending is None and self._has_begun and decode - self._end < _FREEZE_TICKS:
            decode = self._end  # Resumed, or a range that goes on: contiguous with what is written.
        starts_range = self._pending is None and not (self._has_begun and decode == self._end)
        if self._pending and self._pending.picture:
            gap = decode - self._pending.decode
            if _USUAL_TICKS // 4 < gap < _FREEZE_TICKS:
                self._step = gap
        self._complete(decode)
        # Never negative: libavformat would shift the whole track by it, away from the sound.
        composition = max(0, presentation - decode) if picture.is_reordered else 0
        self._pending = _Pending(decode, composition, picture, starts_range)
        self._has_begun = True

    def advance(self, now_ticks: int) -> None:
        """Let time pass: a freeze ends after a while, in a slate (program) or at the end of a range."""
        limit = now_ticks - _HOLD_TICKS
        if not self._with_slate:
            if self._pending and self._pending.decode + self._freeze_ticks <= limit:
                self._complete(self._pending.decode + self._freeze_ticks)
            return
        while self.last_decode + self._freeze_ticks <= limit:
            # Without any picture yet the slate begins at the piece's start, else when the freeze ends.
            begin = self._pending.decode + self._freeze_ticks if self._pending else self._end
            self._complete(begin)
            self._pending = _Pending(begin, 0, None)
            self._has_begun = True

    def finish(self, end_ticks: int) -> None:
        """End the piece: the last picture lasts until `end_ticks`."""
        if self._with_slate and not self._has_begun and end_ticks > self._piece.start_ticks:
            self._pending = _Pending(self._piece.start_ticks, 0, None)
        if self._pending:
            self._complete(max(end_ticks, self._pending.decode + 1))

    def natural_end(self) -> int:
        """Where the newest picture would end by the usual rhythm."""
        return self._pending.decode + self._step if self._pending else self._end

    def _complete(self, end: int) -> None:
        pending = self._pending
        if pending is None:
            return
        picture = pending.picture
        config, data = (picture.config, picture.data) if picture else slate_picture()
        sample = VideoSample(
            pending.decode,
            end - pending.decode,
            pending.composition,
            picture.is_idr if picture else True,
            data,
        )
        self.ready.append(
            TimedPicture(
                sample,
                config,
                picture is None,
                pending.starts_range,
                picture.first_feed_seq if picture else None,
                picture.sequence if picture else None,
                picture.publication if picture else None,
            )
        )
        self._end = end
        self._pending = None

    def oldest_feed_seq(self) -> int | None:
        """Lowest feed_seq that is not yet in `ready`'s past."""
        seqs = [timed.first_feed_seq for timed in self.ready if timed.first_feed_seq is not None]
        if self._pending and self._pending.picture:
            seqs.append(self._pending.picture.first_feed_seq)
        return min(seqs, default=None)
