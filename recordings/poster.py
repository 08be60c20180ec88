"""A cover picture of a finished recording: an early key frame as JPEG, by a process of its own.

`python -m recordings.poster DIRECTORY`. Made from the first picture that is no slate and comes a little after
the beginning, where a lecture shows more than an empty chair; nothing is written when there is none.
"""

import io
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from recordings.clock.pieces import TICKS_PER_S
from recordings.library import POSTER, Library
from recordings.playlist import PROGRAM

_AFTER_TICKS = 10 * TICKS_PER_S
_WIDTH = 640


def make_poster(directory: Path) -> bool:
    """Write poster.jpg (mode 0600) into a recording's directory; False when it has no picture."""
    catalogue = Library(directory.parent).catalogue(directory.name)
    shown = [segment for segment in catalogue.renditions.get(PROGRAM, []) if not segment.is_slate]
    shown = [segment for segment in shown if segment.is_complete and segment.is_independent]
    if not shown:
        return False
    chosen = next((segment for segment in shown if segment.start >= _AFTER_TICKS), shown[-1])
    media = (directory / chosen.init).read_bytes() + (directory / chosen.file).read_bytes()
    with av.open(io.BytesIO(media), "r", format="mp4") as container:
        frame = next(container.decode(video=0))
    draft = directory / f".{POSTER}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encode_jpeg(frame))
    draft.replace(directory / POSTER)
    return True


def encode_jpeg(frame: VideoFrame) -> bytes:
    """Return the frame as JPEG, 640 pixels wide, in its own shape."""
    height = max(2, round(frame.height * _WIDTH / frame.width / 2) * 2)
    scaled = frame.reformat(width=_WIDTH, height=height, format="yuvj420p")
    scaled.pts = 0
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = _WIDTH, height, "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.qmin = encoder.qmax = 4
    return b"".join(bytes(packet) for packet in [*encoder.encode(scaled), *encoder.encode(None)])


if __name__ == "__main__":
    sys.exit(0 if make_poster(Path(sys.argv[1])) else 1)
