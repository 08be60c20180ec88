"""The numbers of a room by slot and by participant, as `GET /control/rooms/{room}/statistics` shows them
(docs/protocol/media_node.md). What it is, not how it does, stands in `room_report`."""

from collections.abc import Mapping
from typing import Any

from streaming.rooms.media_session import MediaSession
from streaming.rooms.publication import Publication
from streaming.rooms.room import Room

Numbers = Mapping[str, Any]

# Of docs/protocol/engine.md, passed on as they are. Addresses are not: nobody needs them to read a figure.
SESSION_KEYS = (
    "protocol",
    "estimate_bps",
    "rtt_ms",
    "loss",
    "packets_out",
    "bytes_out",
    "nack",
    "rtx",
    "pli",
)
PUBLICATION_KEYS = (
    "packets",
    "bytes",
    "bitrate_bps",
    "lost",
    "jitter_ms",
    "keyframes",
    "last_media_ms_ago",
    "layers",
)


def room_statistics(room: Room, media_epoch: str, at_ms: int, numbers: Numbers) -> dict[str, Any]:
    """Return the JSON object: `slots` in order, and `participants` with their sessions.

    Args:
        room: what is reported.
        media_epoch: this node start.
        at_ms: UTC ms of the numbers.
        numbers: the engine's statistics, decoded.
    """
    by_id = {entry.publication_id: entry for entry in room.publications()}
    participants: dict[str, list[dict[str, Any]]] = {}
    for media_session in room.sessions.values():
        participants.setdefault(media_session.participant, []).append(_session(media_session, numbers))
    return {
        "room": room.name,
        "media_epoch": media_epoch,
        "at_ms": at_ms,
        "slots": [
            {"slot": slot, "participant": by_id[number].participant, **_publication(by_id[number], numbers)}
            for slot, number in sorted((room.slots | room.heard).items())
            if number in by_id
        ],
        "participants": [
            {"participant": participant, "sessions": sessions}
            for participant, sessions in participants.items()
        ],
    }


def _session(media_session: MediaSession, numbers: Numbers) -> dict[str, Any]:
    measured = numbers.get("sessions", {}).get(str(media_session.engine_id), {})
    return {
        "session_id": media_session.session_id,
        "role": media_session.role,
        "state": media_session.state.value,
        "since_ms": media_session.since_ms,
        **{key: measured.get(key) for key in SESSION_KEYS},
        "publications": [_publication(entry, numbers) for entry in media_session.publications],
    }


def _publication(publication: Publication, numbers: Numbers) -> dict[str, Any]:
    measured = numbers.get("publications", {}).get(str(publication.publication_id), {})
    return {
        "publication_id": publication.publication_id,
        "source": publication.source,
        "kind": publication.kind,
        "codec": publication.spec.codec,
        "state": publication.state.value,
        **{key: measured.get(key) for key in PUBLICATION_KEYS},
    }
