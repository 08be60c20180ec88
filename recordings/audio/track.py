"""The one AAC track of a piece: slots placed, mixed and encoded as time passes.

Silence where nobody speaks. Knows no RTP.
"""

from collections import deque
from dataclasses import dataclass, field

from recordings.audio.codecs import AacEncoder
from recordings.audio.mixer import PcmTimeline, mix
from recordings.audio.placement import AudioPlacer
from recordings.audio.source import Sound
from recordings.boxes.fragment import AudioFrame
from recordings.boxes.init_segment import AudioConfig
from recordings.clock.pieces import FRAME_SAMPLES, FRAME_TICKS, Piece

_HOLD_NS = (
    250_000_000  # Silence is written this far behind now, so sound a little late still finds its place.
)
_ACTIVE_NS = 1_000_000_000  # A slot heard within this time is waited for, as a repair may be under way.
_LONGEST_WAIT_NS = 1_250_000_000
_PREROLL_SAMPLES = (
    4800  # 100 ms stay unacknowledged: a restarted recorder primes Opus and AAC with real sound.
)


@dataclass(slots=True)
class _Slot:
    timeline: PcmTimeline
    publication: int
    placer: AudioPlacer = field(default_factory=AudioPlacer)
    last_ns: int = 0
    unacknowledged: deque[tuple[int, int]] = field(default_factory=deque)  # (feed_seq, end position).


class AudioTrack:
    """Feeds the encoder 1024 samples at a time, from the start or where a crashed recorder stopped."""

    def __init__(self, piece: Piece, resume_at: int | None = None) -> None:
        self._piece = piece
        emit_from = piece.start_samples if resume_at is None else resume_at
        start = max(piece.start_samples, emit_from - 2 * FRAME_SAMPLES)
        self._encoder = AacEncoder(start, emit_from)
        self._emitted_end = emit_from
        self._slots: dict[str, _Slot] = {}
        self.ready: deque[AudioFrame] = deque()

    @property
    def config(self) -> AudioConfig:
        """Of the AAC track."""
        return self._encoder.config

    @property
    def settled_ticks(self) -> int:
        """File ticks up to which encoded sound is known."""
        return self._emitted_end // FRAME_SAMPLES * FRAME_TICKS

    def add(self, name: str, publication: int, sound: Sound, now_ns: int) -> None:
        """Place one packet's sound."""
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = _Slot(PcmTimeline(self._encoder.position), publication)
        elif slot.publication != publication:
            slot.publication, slot.placer = publication, AudioPlacer()
        position, pcm = slot.placer.place(sound.timestamp, sound.pcm, self._piece.samples(sound.capture_ns))
        slot.timeline.write(position, pcm)
        slot.last_ns = now_ns
        slot.unacknowledged.append((sound.feed_seq, position + len(pcm) // 2))

    def advance(self, now_ns: int, waiting: set[str]) -> None:
        """Mix and encode what no awaited sound can change any more.

        `waiting` names slots that await a repair.
        """
        heard = [
            slot.timeline.end
            for name, slot in self._slots.items()
            if name in waiting or now_ns - slot.last_ns < _ACTIVE_NS
        ]
        limit = min(heard) if heard else self._piece.samples(now_ns - _HOLD_NS)
        self._mix_until(max(limit, self._piece.samples(now_ns - _LONGEST_WAIT_NS)))

    def finish(self, end_ticks: int) -> None:
        """End the piece at `end_ticks` (a multiple of 1920): fill up, flush the encoder."""
        self._mix_until(end_ticks // FRAME_TICKS * FRAME_SAMPLES)
        self._emit(self._encoder.finish())

    def natural_end(self) -> int:
        """File ticks of the last sound known, rounded up to a frame."""
        end = max([self._encoder.position, *(slot.timeline.end for slot in self._slots.values())])
        return -(-end // FRAME_SAMPLES) * FRAME_TICKS

    def _mix_until(self, limit: int) -> None:
        while self._encoder.position + FRAME_SAMPLES <= limit:
            block = mix((slot.timeline.read(FRAME_SAMPLES) for slot in self._slots.values()), FRAME_SAMPLES)
            self._emit(self._encoder.encode(block))

    def _emit(self, frames: list[AudioFrame]) -> None:
        if frames:
            self.ready.extend(frames)
            self._emitted_end = frames[-1].position + FRAME_SAMPLES

    def oldest_feed_seq(self, written_end: int) -> int | None:
        """Lowest feed_seq whose sound is not yet safely written; `written_end` in samples of file time."""
        seqs: list[int] = []
        for slot in self._slots.values():
            held = slot.unacknowledged
            while held and held[0][1] <= written_end - _PREROLL_SAMPLES:
                held.popleft()
            if held:
                seqs.append(min(seq for seq, _ in held))
        return min(seqs, default=None)
