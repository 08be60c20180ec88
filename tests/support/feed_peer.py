"""A recorder for tests of the engine, written from docs/protocol/recorder_feed.md alone."""

import json
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.engine_peer import PATIENCE_S

_HEADER = struct.Struct("!BBBBQQQQQ")


@dataclass
class FeedFrame:
    """One frame from the engine."""

    kind: int
    slot: int
    room: int
    publication: int
    feed_seq: int
    monotonic_ns: int
    wall_ns: int
    payload: bytes

    @property
    def control(self) -> dict[str, Any]:
        assert self.kind == 2, self
        return json.loads(self.payload)


class Recorder:
    """One connection to the feed socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))

    def hello(self, recording_id: str, *, node_epoch: str | None = None, after: int = 0) -> "Recorder":
        payload = {"recording_id": recording_id, "node_epoch": node_epoch, "after": after}
        self.send(16, json.dumps(payload).encode())
        return self

    def send(
        self, kind: int, payload: bytes = b"", *, slot: int = 255, feed_seq: int = 0, version: int = 1
    ) -> None:
        header = _HEADER.pack(version, kind, slot, 0, 0, 0, feed_seq, 0, 0)
        self.socket.sendall(struct.pack("!I", len(header) + len(payload)) + header + payload)

    def ack(self, feed_seq: int) -> None:
        self.send(17, feed_seq=feed_seq)

    def receive(self) -> FeedFrame:
        length = struct.unpack("!I", self._exactly(4))[0]
        body = self._exactly(length)
        version, kind, slot, layer, *numbers = _HEADER.unpack(body[: _HEADER.size])
        assert (version, layer) == (1, 0)
        return FeedFrame(kind, slot, *numbers, body[_HEADER.size :])

    def is_closed(self) -> bool:
        """Wait for the engine to close the connection."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            assert chunk, "closed"
            data += chunk
        return data
