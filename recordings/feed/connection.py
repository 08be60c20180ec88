"""The Unix socket to the engine: connect, hello, read frames, send acknowledgements.

Blocking with time-outs; one thread owns it.
"""

import contextlib
import socket
from pathlib import Path

from recordings.errors import FeedError
from recordings.feed.control import hello_payload
from recordings.feed.frames import FeedFrame, FrameKind, FrameParser, encode_frame

_READ_BYTES = 262_144
_SEND_TIMEOUT_S = 2.0


class FeedConnection:
    """One connection. A closed or broken one is never reused."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises: OSError when nobody listens."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._parser = FrameParser()
        self.is_attached = False
        try:
            self._socket.settimeout(_SEND_TIMEOUT_S)
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    @property
    def is_broken(self) -> bool:
        """True when `read` will raise without any more data."""
        return self._parser.error is not None

    def send_hello(self, recording_id: str, node_epoch: str | None, after: int) -> None:
        """Say which recording to feed and where to resume. Raises: OSError."""
        self._send(FeedFrame(FrameKind.HELLO, payload=hello_payload(recording_id, node_epoch, after)))

    def send_ack(self, feed_seq: int) -> None:
        """Everything up to `feed_seq` is fsynced."""
        self._try_send(FeedFrame(FrameKind.ACK, feed_seq=feed_seq))

    def send_key_frame_request(self, slot: int) -> None:
        """Ask for a key frame in a slot."""
        self._try_send(FeedFrame(FrameKind.KEY_FRAME_REQUEST, slot=slot))

    def _try_send(self, frame: FeedFrame) -> None:
        # A killed engine cannot hear, but what it sent before is still to be read: `read` tells the end.
        with contextlib.suppress(OSError):
            self._send(frame)

    def _send(self, frame: FeedFrame) -> None:
        self._socket.sendall(encode_frame(frame))

    def read(self) -> list[FeedFrame] | None:
        """Return the frames that are there, None at the end of the feed.

        Raises: FeedError when the feed breaks the protocol or does not begin with `attached`.
        """
        if self._parser.error:
            raise self._parser.error
        try:
            data = self._socket.recv(_READ_BYTES)
        except TimeoutError:
            return []
        except OSError:
            return None
        if not data:
            return None
        frames = self._parser.feed(data)
        if frames and not self.is_attached:
            if frames[0].kind != FrameKind.CONTROL:
                raise FeedError("feed does not begin with attached")
            self.is_attached = True
        return frames

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
