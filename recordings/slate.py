"""The picture shown when there is none: one still, encoded once a process with libx264.

A plain dark field, no words to translate.
"""

from fractions import Fraction
from functools import cache

import av
from av.video.codeccontext import VideoCodecContext

from recordings.boxes.init_segment import VideoConfig

WIDTH, HEIGHT = 640, 360
_LUMA, _CB, _CR = 0x24, 0x84, 0x7C  # Near-black with a breath of blue, as the player's own letterbox.


@cache
def slate_picture() -> tuple[VideoConfig, bytes]:
    """Return the slate's parameter sets and its IDR as a length-prefixed sample, constrained baseline."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {
        "profile": "baseline",
        "tune": "stillimage",
        "preset": "veryfast",
        "x264-params": "annexb=1:repeat-headers=1",
    }
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane, value in zip(frame.planes, (_LUMA, _CB, _CR), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    frame.pts = 0
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    nalus = [nalu for packet in packets for nalu in split_annex_b(bytes(packet))]
    config = VideoConfig(
        tuple(nalu for nalu in nalus if nalu[0] & 0x1F == 7),
        tuple(nalu for nalu in nalus if nalu[0] & 0x1F == 8),
    )
    pictures = [nalu for nalu in nalus if nalu[0] & 0x1F == 5]
    return config, b"".join(len(nalu).to_bytes(4, "big") + nalu for nalu in pictures)


def split_annex_b(data: bytes) -> list[bytes]:
    """Split an Annex B byte stream into NAL units without start codes. Source: ITU-T H.264 Annex B."""
    chunks = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [chunk for chunk in chunks if chunk]
