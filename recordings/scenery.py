"""A drawn scene with a quiet bell, encoded for staged recordings: a disc goes slowly over hills.

Few pictures are encoded, as `staging` repeats them. Knows no file and no clock.
"""

import colorsys
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Self

import av
from av.video.codeccontext import VideoCodecContext

from recordings.audio.codecs import AacEncoder
from recordings.boxes.init_segment import AudioConfig, VideoConfig
from recordings.clock.pieces import FRAME_SAMPLES, SAMPLES_PER_S
from recordings.slate import split_annex_b

WIDTH, HEIGHT = 640, 360
PICTURES_PER_S = 2
GROUP = 8
"""Pictures from one key frame to the next: 4 s."""

LOOP_FRAMES = 375
"""AAC frames of one round of the bell: 8 s exactly."""

_BELL_S = 3.0
_BELL = ((392.0, 0.030), (587.3, 0.014), (784.0, 0.006))  # Hz and share of full scale: heard, never loud.

Colour = tuple[int, int, int]
"""Y, Cb, Cr."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Encoded once, shown for any length.

    Attributes:
        groups: from the beginning of the way to its end; each GROUP samples, the first an IDR.
    """

    config: VideoConfig
    groups: tuple[tuple[bytes, ...], ...]


@dataclass(frozen=True, slots=True)
class Bell:
    """LOOP_FRAMES AAC frames that may follow each other for ever."""

    config: AudioConfig
    frames: tuple[bytes, ...]


def encode_scene(hue: float, steps: int, *, is_mirrored: bool = False) -> Scene:
    """Draw and encode the way of the disc in so many steps; constrained baseline.

    Args: hue: of the hills, 0 to 1, 0 is red. is_mirrored: left and right change places.
    """
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = Fraction(1, PICTURES_PER_S)
    encoder.thread_count = 1
    encoder.options = {
        "profile": "baseline",
        "tune": "stillimage",
        "preset": "veryfast",
        "x264-params": f"annexb=1:repeat-headers=1:keyint={GROUP}:min-keyint={GROUP}:scenecut=0",
    }
    packets = []
    land = _land(hue, is_mirrored=is_mirrored)
    for number in range(steps * GROUP):
        frame = _draw(land, (number // GROUP + 0.5) / steps, number % GROUP / GROUP)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    pictures = [split_annex_b(bytes(packet)) for packet in packets]
    config = VideoConfig(
        tuple(nalu for nalu in pictures[0] if nalu[0] & 0x1F == 7),
        tuple(nalu for nalu in pictures[0] if nalu[0] & 0x1F == 8),
    )
    samples = [
        b"".join(len(nalu).to_bytes(4, "big") + nalu for nalu in nalus if nalu[0] & 0x1F in (1, 5))
        for nalus in pictures
    ]
    return Scene(config, tuple(tuple(samples[at : at + GROUP]) for at in range(0, len(samples), GROUP)))


@cache
def encoded_bell() -> Bell:
    """One round: a bell that dies away, then silence."""
    samples = array("h", bytes(2 * LOOP_FRAMES * FRAME_SAMPLES))
    for number in range(int(_BELL_S * SAMPLES_PER_S)):
        at_s = number / SAMPLES_PER_S
        # Begins and ends softly: a click would be the loudest thing in it.
        envelope = min(1.0, at_s / 0.02) * math.exp(-1.5 * at_s) * min(1.0, _BELL_S - at_s)
        tone = sum(share * math.sin(2 * math.pi * hz * at_s) for hz, share in _BELL)
        samples[number] = round(32767 * envelope * tone)
    pcm = samples.tobytes()
    size = 2 * FRAME_SAMPLES
    blocks = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    # The second of three rounds overlaps at both ends with what it overlaps with for ever.
    encoder = AacEncoder(0, 0)
    frames = [frame for block in (*blocks, *blocks, *blocks[:4]) for frame in encoder.encode(block)]
    loop = LOOP_FRAMES * FRAME_SAMPLES
    return Bell(encoder.config, tuple(frame.data for frame in frames if loop <= frame.position < 2 * loop))


def _colour(hue: float, lightness: float, saturation: float) -> Colour:
    """BT.601 in studio range, as an untagged picture of this size is read."""
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(16 + 219 * luma),
        round(128 + 224 * (blue - luma) / 1.772),
        round(128 + 224 * (red - luma) / 1.402),
    )


#: The look's warm grounds, the same in every scene: hue is in the hills.
_GROUND = _colour(0.10, 0.865, 0.26)
_HALO = _colour(0.10, 0.93, 0.32)
_DISC = _colour(0.11, 0.97, 0.38)


def _draw(land: "_Canvas", way: float, breath: float) -> av.VideoFrame:
    """The picture when the disc has gone this share of its way; `breath`: 0 to 1 in each group."""
    canvas = land.copy()
    x = WIDTH * (0.14 + 0.72 * way)
    # Never so low that it would touch the hills, which are drawn already.
    y = HEIGHT * (0.49 - 0.28 * math.sin(math.pi * (0.12 + 0.76 * way)))
    canvas.disc(x, y, 66 + 5 * math.sin(2 * math.pi * breath), _HALO)
    canvas.disc(x, y, 46, _DISC)
    return canvas.picture()


def _land(hue: float, *, is_mirrored: bool) -> "_Canvas":
    land = _Canvas.filled(_GROUND, is_mirrored=is_mirrored)
    land.disc(WIDTH * 0.82, HEIGHT * 2.05, HEIGHT * 1.42, _colour(hue, 0.68, 0.20))
    land.disc(WIDTH * 0.20, HEIGHT * 2.30, HEIGHT * 1.58, _colour(hue, 0.50, 0.22))
    land.disc(WIDTH * 0.62, HEIGHT * 3.60, HEIGHT * 2.75, _colour(hue, 0.34, 0.26))
    return land


class _Canvas:
    """Flat discs on three planes."""

    def __init__(self, planes: Sequence[bytearray], *, is_mirrored: bool) -> None:
        self._planes = planes
        self._is_mirrored = is_mirrored

    @classmethod
    def filled(cls, colour: Colour, *, is_mirrored: bool) -> Self:
        """All of one colour."""
        sizes = (WIDTH * HEIGHT, WIDTH * HEIGHT // 4, WIDTH * HEIGHT // 4)
        planes = [bytearray([value]) * size for value, size in zip(colour, sizes, strict=True)]
        return cls(planes, is_mirrored=is_mirrored)

    def copy(self) -> Self:
        """To draw over."""
        return type(self)([bytearray(plane) for plane in self._planes], is_mirrored=self._is_mirrored)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a disc, its edge smoothed; what lies outside of the picture is cut off."""
        x = WIDTH - x if self._is_mirrored else x
        for plane, value, scale in zip(self._planes, colour, (1, 2, 2), strict=True):
            width, height = WIDTH // scale, HEIGHT // scale
            cx, cy, r = x / scale, y / scale, radius / scale
            for row in range(max(0, math.floor(cy - r)), min(height, math.ceil(cy + r))):
                inner, outer = sorted(
                    math.sqrt(max(0.0, r * r - (edge - cy) ** 2)) for edge in (row, row + 1)
                )
                start = row * width
                first = min(width, max(0, math.ceil(cx - inner)))
                last = max(first, min(width, math.floor(cx + inner)))
                plane[start + first : start + last] = bytes([value]) * (last - first)
                ramp = max(1.0, outer - inner)
                for column in (
                    *range(max(0, math.floor(cx - outer)), first),
                    *range(last, min(width, math.ceil(cx + outer))),
                ):
                    share = min(1.0, max(0.0, (outer - abs(column + 0.5 - cx)) / ramp))
                    before = plane[start + column]
                    plane[start + column] = round(before + (value - before) * share)

    def picture(self) -> av.VideoFrame:
        """As a frame for the encoder, whose rows may be longer than the picture is wide."""
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, data in zip(frame.planes, self._planes, strict=True):
            width, padding = plane.width, bytes(plane.line_size - plane.width)
            rows = (bytes(data[at : at + width]) + padding for at in range(0, len(data), width))
            plane.update(b"".join(rows) if padding else bytes(data))
        return frame
