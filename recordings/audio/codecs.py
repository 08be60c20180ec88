"""Opus in, AAC out, by PyAV. Frames are s16 mono 48 kHz; time_base 1/48000."""

from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream

from recordings.boxes.fragment import AudioFrame
from recordings.boxes.init_segment import AudioConfig
from recordings.clock.pieces import FRAME_SAMPLES, SAMPLES_PER_S
from recordings.errors import MalformedPacket

_BITRATE_BPS = 96_000


class OpusDecoder:
    """Decodes one source's packets; libopus mixes stereo down to mono itself."""

    def __init__(self) -> None:
        decoder = av.CodecContext.create("libopus", "r")
        assert isinstance(decoder, AudioCodecContext)
        decoder.sample_rate = SAMPLES_PER_S
        decoder.layout = "mono"
        self._decoder = decoder

    def decode(self, payload: bytes) -> bytes:
        """Return PCM. Raises: MalformedPacket when the packet does not decode."""
        try:
            frames = self._decoder.decode(av.Packet(payload))
        except av.error.FFmpegError as error:
            raise MalformedPacket(f"opus packet does not decode: {error}") from error
        return b"".join(bytes(frame.planes[0])[: 2 * frame.samples] for frame in frames)


class AacEncoder:
    """Encodes blocks of 1024 samples that begin at `start`; emits frames from `emit_from` on.

    The encoder's first packet is priming, 1024 samples before `start`, and is discarded here (joints.md §6).
    After a resume `start` lies two
    frames before `emit_from`, so that the first emitted frame overlaps with real sound.
    """

    def __init__(self, start: int, emit_from: int) -> None:
        encoder = av.CodecContext.create("aac", "w")
        assert isinstance(encoder, AudioCodecContext)
        encoder.sample_rate = SAMPLES_PER_S
        encoder.layout = "mono"
        encoder.format = "fltp"
        encoder.bit_rate = _BITRATE_BPS
        encoder.time_base = Fraction(1, SAMPLES_PER_S)
        encoder.options = {"aac_coder": "fast"}
        encoder.open()
        self._encoder = encoder
        self._start = start
        self._fed = 0
        self._emit_from = emit_from
        extradata = encoder.extradata
        assert extradata is not None
        self.config = AudioConfig(bytes(extradata), 1, _BITRATE_BPS)

    @property
    def position(self) -> int:
        """Position of the next block."""
        return self._start + self._fed

    def encode(self, pcm: bytes) -> list[AudioFrame]:
        """Take 1024 samples; frames come out two blocks later."""
        block = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        block.sample_rate = SAMPLES_PER_S
        block.time_base = Fraction(1, SAMPLES_PER_S)
        block.pts = self._fed
        block.planes[0].update(pcm)
        self._fed += FRAME_SAMPLES
        return self._frames(self._encoder.encode(block))

    def finish(self) -> list[AudioFrame]:
        """Return the last frames; the encoder is then spent."""
        return self._frames(self._encoder.encode(None))

    def _frames(self, packets: "list[av.Packet[AudioStream]]") -> list[AudioFrame]:
        frames = (AudioFrame(self._start + (packet.pts or 0), bytes(packet)) for packet in packets)
        return [frame for frame in frames if frame.position >= self._emit_from]
