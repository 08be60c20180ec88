"""A stand-in for the native engine: remembers what it was told and says what a test wants said.

Shipped, and checked against the real interface by a test, so that everything above it is testable without
sockets.
"""

import contextlib
import json
import os
from collections import deque
from typing import Any

from streaming.relay.engine import Event


class FakeEngine:
    """Implements `RelayEngine` in memory. `calls` is the log of (method, arguments) in order."""

    def __init__(self, addresses: list[tuple[str, int]] | None = None) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.sessions: dict[int, tuple[str, str, str]] = {}
        self.slots: dict[tuple[str, str], int | None] = {}
        self.snapshot: dict[str, Any] = {"sessions": {}, "publications": {}, "recordings": {}}
        self._addresses = addresses or [("127.0.0.1", 8001)]
        self._events: deque[Event] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def emit(self, kind: str, session: int = 0, text: str = "", data: bytes = b"") -> None:
        """Let the engine report one event; nothing is reported after the shutdown."""
        if self._wake < 0:
            return
        self._events.append((kind, session, text, data))
        os.eventfd_write(self._wake, 1)

    def called(self, method: str) -> list[tuple[Any, ...]]:
        """Return the arguments of every call of `method`, in order."""
        return [arguments for name, arguments in self.calls if name == method]

    def local_addresses(self) -> list[tuple[str, int]]:
        """See `RelayEngine`."""
        return list(self._addresses)

    def event_fd(self) -> int:
        """See `RelayEngine`."""
        return self._wake

    def drain(self, limit: int = 1024) -> list[Event]:
        """See `RelayEngine`."""
        taken = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        if not self._events:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        return taken

    def add_session(
        self, session: int, room: str, local_ufrag: str, local_pwd: str, *, publishes: bool = False
    ) -> None:
        """See `RelayEngine`."""
        self.sessions[session] = (room, local_ufrag, local_pwd)
        self.calls.append(("add_session", (session, room, local_ufrag, local_pwd)))

    def restart_ice(self, session: int, local_ufrag: str, local_pwd: str) -> None:
        """See `RelayEngine`."""
        self.calls.append(("restart_ice", (session, local_ufrag, local_pwd)))

    def send_dtls(self, session: int, datagram: bytes) -> None:
        """See `RelayEngine`."""
        self.calls.append(("send_dtls", (session, datagram)))

    def set_keys(self, session: int, profile: str, local: bytes, remote: bytes) -> None:
        """See `RelayEngine`."""
        self.calls.append(("set_keys", (session, profile, local, remote)))

    def close_session(self, session: int) -> None:
        """See `RelayEngine`."""
        self.sessions.pop(session, None)
        self.calls.append(("close_session", (session,)))

    def publish(self, session: int, publication: int, spec: str) -> None:
        """See `RelayEngine`."""
        self.calls.append(("publish", (session, publication, json.loads(spec))))

    def unpublish(self, publication: int) -> None:
        """See `RelayEngine`."""
        self.calls.append(("unpublish", (publication,)))

    def subscribe(self, session: int, spec: str) -> None:
        """See `RelayEngine`."""
        self.calls.append(("subscribe", (session, json.loads(spec))))

    def set_slot(self, room: str, slot: str, publication: int | None) -> None:
        """See `RelayEngine`."""
        self.slots[room, slot] = publication
        self.calls.append(("set_slot", (room, slot, publication)))

    def set_recording(self, room: str, recording_id: str | None) -> None:
        """See `RelayEngine`."""
        self.calls.append(("set_recording", (room, recording_id)))

    def request_keyframe(self, publication: int) -> None:
        """See `RelayEngine`."""
        self.calls.append(("request_keyframe", (publication,)))

    def stats(self) -> str:
        """See `RelayEngine`."""
        return json.dumps(self.snapshot)

    def shutdown(self) -> None:
        """See `RelayEngine`."""
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1
