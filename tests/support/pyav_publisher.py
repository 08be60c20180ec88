"""PyAV publishes a moving picture and a tone by WHIP until SIGTERM.

`python -m tests.support.pyav_publisher URL TOKEN CERTIFICATE KEY [option=value …]`

A process of its own: PyAV holds the interpreter lock while its muxer talks to the server. The certificate is
given because FFmpeg built with GnuTLS, as in PyAV's wheels, would make one on a curve (secp224r1) that WebRTC
peers refuse; they must take P-256 (RFC 8827 §6.5).
"""

import signal
import sys
import threading
import time
from fractions import Fraction

import av

WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 240, 30
SAMPLE_RATE_HZ, SAMPLES = 48_000, 960


def publish(url: str, options: dict[str, str], is_over: threading.Event) -> None:
    """Send both tracks in real time."""
    container = av.open(url, "w", format="whip", options=options)
    video = container.add_stream(
        "libx264",
        rate=FRAMES_PER_SECOND,
        options={"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "g": "30"},
    )
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    audio = container.add_stream("libopus", rate=SAMPLE_RATE_HZ)
    audio.layout = "stereo"
    start = time.monotonic()
    pictures = sounds = 0
    while not is_over.is_set():
        now = time.monotonic() - start
        while pictures < now * FRAMES_PER_SECOND:
            container.mux(video.encode(_picture(pictures)))
            pictures += 1
        while sounds * SAMPLES < now * SAMPLE_RATE_HZ:
            container.mux(audio.encode(_sound(sounds)))
            sounds += 1
        is_over.wait(0.005)
    container.close()


def _picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([number * 3 % 256]) * plane.buffer_size)
    frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
    return frame


def _sound(number: int) -> av.AudioFrame:
    frame = av.AudioFrame("s16", "stereo", SAMPLES)
    frame.planes[0].update(bytes(range(256)) * (frame.planes[0].buffer_size // 256))
    frame.sample_rate = SAMPLE_RATE_HZ
    frame.pts, frame.time_base = number * SAMPLES, Fraction(1, SAMPLE_RATE_HZ)
    return frame


def main() -> None:
    """See the module."""
    url, token, certificate, key, *others = sys.argv[1:]
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    options = {
        "authorization": token,
        "cert_file": certificate,
        "key_file": key,
        "handshake_timeout": "30000",
    }
    publish(url, options | dict(entry.split("=", 1) for entry in others), is_over)


if __name__ == "__main__":
    main()
