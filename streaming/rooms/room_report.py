"""The state of a room as docs/protocol/media_node.md shows it: what we know, with the engine's numbers."""

from collections.abc import Mapping
from typing import Any

from streaming.rooms.media_session import MediaSession
from streaming.rooms.publication import Publication
from streaming.rooms.room import Room

Numbers = Mapping[str, Any]


def room_report(room: Room, media_epoch: str, numbers: Numbers) -> dict[str, Any]:
    """Return the JSON object of `GET /control/rooms/{room}`.

    Args:
        room: what is reported.
        media_epoch: this node start.
        numbers: the engine's statistics, decoded.
    """
    return {
        "room": room.name,
        "media_epoch": media_epoch,
        "codec": room.codec,
        "recording": _recording(room.recording_id, numbers) if room.recording_id else None,
        "publications": [
            _publication(publication, media_session, numbers)
            for media_session in room.publishers()
            for publication in media_session.publications
        ],
        "viewers": room.viewer_count(),
        "sessions": [
            {
                "session_id": media_session.session_id,
                "participant": media_session.participant,
                "role": media_session.role,
                "state": media_session.state.value,
                "since_ms": media_session.since_ms,
            }
            for media_session in room.sessions.values()
        ],
    }


def _recording(recording_id: str, numbers: Numbers) -> dict[str, Any]:
    measured = numbers.get("recordings", {}).get(recording_id, {})
    return {
        "recording_id": recording_id,
        "attached": bool(measured.get("attached", False)),
        "overflow": measured.get("overflow", 0),
    }


def _publication(publication: Publication, media_session: MediaSession, numbers: Numbers) -> dict[str, Any]:
    measured = numbers.get("publications", {}).get(str(publication.publication_id), {})
    received, lost = measured.get("packets", 0), max(measured.get("lost", 0), 0)
    return {
        "publication_id": publication.publication_id,
        "participant": publication.participant,
        "source": publication.source,
        "kind": publication.kind,
        "codec": publication.spec.codec,
        "state": publication.state.value,
        "bitrate_bps": measured.get("bitrate_bps", 0),
        "loss": lost / (received + lost) if received + lost else 0.0,
        "rtt_ms": numbers.get("sessions", {}).get(str(media_session.engine_id), {}).get("rtt_ms"),
    }
