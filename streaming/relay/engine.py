"""The native engine: its interface in Python types, and the only import of `streaming._relay`.

Per packet is Rust, per session is Python. Contract and reasons: docs/protocol/engine.md. Every call queues a
command and returns at once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

Event = tuple[str, int, str, bytes]
"""(kind, engine session id or 0, text, data)."""


class RelayEngine(Protocol):
    """What the native engine and `streaming.relay.fake.FakeEngine` both do."""

    def local_addresses(self) -> list[tuple[str, int]]:
        """Return the (address, port) pairs listened on."""
        ...

    def event_fd(self) -> int:
        """Return an eventfd that is readable while events wait; the engine owns it."""
        ...

    def drain(self, limit: int = 1024) -> list[Event]:
        """Take up to `limit` waiting events, oldest first."""
        ...

    def add_session(
        self, session: int, room: str, local_ufrag: str, local_pwd: str, *, publishes: bool = False
    ) -> None:
        """Answer STUN checks for these credentials from now on; a room's publishers share a media thread."""
        ...

    def restart_ice(self, session: int, local_ufrag: str, local_pwd: str) -> None:
        """Accept these credentials too; the old ones end at the first check with the new ones."""
        ...

    def send_dtls(self, session: int, datagram: bytes) -> None:
        """Send one datagram to the session's selected address."""
        ...

    def set_keys(self, session: int, profile: str, local: bytes, remote: bytes) -> None:
        """Hand over SRTP master key || salt of both directions; `profile` is the IANA name."""
        ...

    def close_session(self, session: int) -> None:
        """Forget the session with all it publishes and subscribes to."""
        ...

    def publish(self, session: int, publication: int, spec: str) -> None:
        """Take media of this JSON PublicationSpec from the session."""
        ...

    def unpublish(self, publication: int) -> None:
        """Stop taking media of this publication."""
        ...

    def subscribe(self, session: int, spec: str) -> None:
        """Send the slots of this JSON SubscriptionSpec to the session."""
        ...

    def set_slot(self, room: str, slot: str, publication: int | None) -> None:
        """Show this publication, or nothing, in a slot of the room."""
        ...

    def set_recording(self, room: str, recording_id: str | None) -> None:
        """Switch the recorder feed of a room on or off."""
        ...

    def request_keyframe(self, publication: int) -> None:
        """Ask the publisher for a key frame, coalesced with everyone else's requests."""
        ...

    def stats(self) -> str:
        """Return a JSON snapshot."""
        ...

    def shutdown(self) -> None:
        """Close the sockets and join the threads."""
        ...


def open_engine(
    *,
    addresses: Sequence[str],
    port: int,
    node_epoch: str,
    feed_path: Path | None,
    remb_bps: int,
    workers: int = 0,
    remb_min_bps: int = 150_000,
) -> RelayEngine:
    """Start the native engine: one UDP socket an address, all on `port` (0 = one free port shared by all).

    `workers` is the number of media threads; 0 takes one a core, at most eight.

    Raises:
        OSError: the port is taken (EADDRINUSE) or an address is not ours.
    """
    # Imported here: the control plane and its unit tests must load without the native module.
    from streaming._relay import Engine  # noqa: PLC0415

    if feed_path is not None:
        feed_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Engine(
        addresses=list(addresses),
        port=port,
        node_epoch=node_epoch,
        feed_path=str(feed_path) if feed_path else None,
        remb_bps=remb_bps,
        workers=workers,
        remb_min_bps=remb_min_bps,
    )
