"""The life of a WHIP or WHEP session as a table. What a state change causes stands in
`streaming.rooms.life_cycle`.

    new ── keys_set ──► connected ◄── consent_regained ── silent
                            └────── consent_lost ────────► ┘
    any of these ── a signal with a cause ──► closed
"""

from enum import StrEnum


class SessionState(StrEnum):
    """Where a session stands. `silent`: no authenticated check for 6.5 s, sending stopped (RFC 7675)."""

    NEW = "new"
    CONNECTED = "connected"
    SILENT = "silent"
    CLOSED = "closed"


class Signal(StrEnum):
    """What can happen to a session."""

    KEYS_SET = "keys_set"
    CONSENT_LOST = "consent_lost"
    CONSENT_REGAINED = "consent_regained"
    EXPIRED = "expired"
    DTLS_CLOSED = "dtls_closed"
    HANDSHAKE_FAILED = "handshake_failed"
    ENGINE_FAILED = "engine_failed"
    DELETED = "deleted"
    REPLACED = "replaced"
    KEY_REVOKED = "key_revoked"
    ROOM_CLOSED = "room_closed"


CAUSES = {
    Signal.EXPIRED: "consent_lost",
    Signal.DTLS_CLOSED: "dtls_closed",
    Signal.HANDSHAKE_FAILED: "failed",
    Signal.ENGINE_FAILED: "failed",
    Signal.DELETED: "deleted",
    Signal.REPLACED: "replaced",
    Signal.KEY_REVOKED: "key_revoked",
    Signal.ROOM_CLOSED: "room_closed",
}
"""Signals that end a session → `cause` of the event that says so."""

TRANSITIONS = {
    (SessionState.NEW, Signal.KEYS_SET): SessionState.CONNECTED,
    (SessionState.CONNECTED, Signal.CONSENT_LOST): SessionState.SILENT,
    (SessionState.SILENT, Signal.CONSENT_REGAINED): SessionState.CONNECTED,
} | {
    (state, signal): SessionState.CLOSED
    for state in (SessionState.NEW, SessionState.CONNECTED, SessionState.SILENT)
    for signal in CAUSES
}


def next_state(state: SessionState, signal: Signal) -> SessionState | None:
    """Return the state that follows, None when the signal means nothing here (late or repeated)."""
    return TRANSITIONS.get((state, signal))
