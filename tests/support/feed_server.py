"""The engine's end of docs/protocol/recorder_feed.md for tests.

One recording, a ring until acknowledged, resume by feed_seq.
"""

import contextlib
import json
import os
import socket
import threading
from collections import deque
from itertools import islice
from pathlib import Path
from typing import Any

from recordings.feed.frames import FeedFrame, FrameKind, FrameParser, encode_frame, slot_number

_MOST_UNSENT = 2000
WALL_OFFSET_NS = 1_790_000_000_000_000_000


class FeedServer:
    """Listens on a Unix socket; the test puts frames, a thread delivers them with back-pressure.

    Attributes:
        hellos: payloads received. key_frame_requests: slots asked for. connections: accepted so far.
    """

    def __init__(self, path: Path, recording_id: str = "r1", node_epoch: str = "epoch-1") -> None:
        self.path = path
        self.recording_id = recording_id
        self.node_epoch = node_epoch
        self.hellos: list[dict[str, Any]] = []
        self.key_frame_requests: list[int] = []
        self.connections = 0
        self.acked = 0
        self._ring: deque[tuple[int, bytes]] = deque()
        self._next_seq = 1
        self._sent = 0
        self._condition = threading.Condition()
        self._peer: socket.socket | None = None
        self._is_closed = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(4)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def put(self, kind: int, slot: int, publication: int, at_ns: int, payload: bytes) -> int:
        """Queue a frame; blocks while a peer is there and too much is unsent. Returns its feed_seq."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._is_closed or not self._peer or self._next_seq - self._sent < _MOST_UNSENT, 120
            )
            seq = self._next_seq
            self._next_seq += 1
            frame = FeedFrame(kind, slot, 0, 7, publication, seq, at_ns, at_ns + WALL_OFFSET_NS, payload)
            self._ring.append((seq, encode_frame(frame)))
            self._condition.notify_all()
            return seq

    def control(self, event: dict[str, Any], at_ns: int = 0) -> int:
        return self.put(FrameKind.CONTROL, 255, 0, at_ns, json.dumps(event).encode())

    def source(self, slot: str, publication: int | None, at_ns: int = 0, **fields: Any) -> int:
        is_video = slot.startswith("V")
        event = {
            "event": "source",
            "slot": slot,
            "publication": publication,
            "codec": "H264" if is_video else "opus",
            "clock_rate": 90000 if is_video else 48000,
            "pt": 102 if is_video else 111,
            "kind": "video" if is_video else "audio",
            "source": "camera" if is_video else "microphone",
            **fields,
        }
        return self.put(
            FrameKind.CONTROL, slot_number(slot), publication or 0, at_ns, json.dumps(event).encode()
        )

    @property
    def last_seq(self) -> int:
        return self._next_seq - 1

    def wait_acked(self, seq: int, timeout_s: float = 60) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self.acked >= seq, timeout_s), (self.acked, seq)

    def wait_sent(self, timeout_s: float = 60) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self._sent >= self._next_seq - 1, timeout_s)

    def wait_for(self, predicate: Any, timeout_s: float = 30) -> None:
        with self._condition:
            assert self._condition.wait_for(predicate, timeout_s)

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: socket.socket) -> None:
        parser = FrameParser()
        sender: threading.Thread | None = None
        try:
            while data := peer.recv(65536):
                for frame in parser.feed(data):
                    if frame.kind == FrameKind.HELLO:
                        hello = json.loads(frame.payload)
                        with self._condition:
                            self.hellos.append(hello)
                            self._condition.notify_all()
                        if hello["recording_id"] != self.recording_id:
                            return
                        sender = threading.Thread(target=self._send, args=(peer, hello), daemon=True)
                        sender.start()
                    else:
                        self._on_feedback(frame)
        except OSError:
            pass
        finally:
            with self._condition:
                if self._peer is peer:
                    self._peer = None
                self._condition.notify_all()
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            if sender:
                sender.join(30)
            peer.close()

    def _on_feedback(self, frame: FeedFrame) -> None:
        with self._condition:
            if frame.kind == FrameKind.ACK:
                self.acked = max(self.acked, frame.feed_seq)
                while self._ring and self._ring[0][0] <= self.acked:
                    self._ring.popleft()
            elif frame.kind == FrameKind.KEY_FRAME_REQUEST:
                self.key_frame_requests.append(frame.slot)
            self._condition.notify_all()

    def _send(self, peer: socket.socket, hello: dict[str, Any]) -> None:
        with self._condition:
            first = self._ring[0][0] if self._ring else self._next_seq
            if hello["node_epoch"] == self.node_epoch:
                first = max(first, hello["after"] + 1)
            self._peer = peer
            self.connections += 1
            self._sent = first - 1
            self._condition.notify_all()
        attached = {"event": "attached", "node_epoch": self.node_epoch, "first_seq": first}
        try:
            peer.sendall(encode_frame(FeedFrame(FrameKind.CONTROL, payload=json.dumps(attached).encode())))
            while True:
                with self._condition:
                    self._condition.wait_for(
                        lambda: self._is_closed or self._peer is not peer or self._next_seq - 1 > self._sent
                    )
                    if self._is_closed or self._peer is not peer:
                        return
                    known = self._sent + 1 - self._ring[0][0] if self._ring else 0
                    batch = [data for _, data in islice(self._ring, max(0, known), None)]
                    upto = self._next_seq - 1
                peer.sendall(b"".join(batch))
                with self._condition:
                    self._sent = max(self._sent, upto) if self._peer is peer else self._sent
                    self._condition.notify_all()
        except OSError:
            return

    def send_raw(self, data: bytes) -> None:
        """Write bytes that are no frame to the recorder."""
        self.wait_for(lambda: self._peer is not None)
        peer = self._peer
        assert peer is not None
        peer.sendall(data)

    def close(self) -> None:
        """As a SIGKILL of the engine looks from outside: the sockets end, the ring is gone."""
        with self._condition:
            self._is_closed = True
            peer = self._peer
            self._condition.notify_all()
        self._listener.close()
        if peer:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(10)

    def __enter__(self) -> "FeedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
