"""Takes the engine's events off its eventfd and does what each asks for; one handler a kind."""

import asyncio
import json
import logging
from typing import Any

from streaming.relay.engine import RelayEngine
from streaming.rooms.direction import AUDIO_SLOTS
from streaming.rooms.event_log import EventLog
from streaming.rooms.life_cycle import LifeCycle
from streaming.rooms.media_session import MediaSession
from streaming.rooms.publication import Publication, PublicationState
from streaming.rooms.registry import Registry
from streaming.rooms.session_states import Signal

logger = logging.getLogger(__name__)

BATCH = 1024
SESSION_SIGNALS = {
    "consent_lost": Signal.CONSENT_LOST,
    "consent_regained": Signal.CONSENT_REGAINED,
    "expired": Signal.EXPIRED,
}
PUBLICATION_STATES = {
    "publication_media": PublicationState.LIVE,
    "publication_stalled": PublicationState.STALLED,
    "publication_resumed": PublicationState.LIVE,
}
RECORDING_EVENTS = frozenset({"recorder_attached", "recorder_detached", "recording_overflow"})


class EngineEvents:
    """The pump between engine and life cycle, woken by asyncio."""

    def __init__(
        self, engine: RelayEngine, registry: Registry, life_cycle: LifeCycle, events: EventLog
    ) -> None:
        self.is_failed = False
        self._engine = engine
        self._registry = registry
        self._life_cycle = life_cycle
        self._events = events

    def start(self) -> None:
        """Wake on events from now on."""
        asyncio.get_running_loop().add_reader(self._engine.event_fd(), self.pump)

    def stop(self) -> None:
        """Wake no more."""
        asyncio.get_running_loop().remove_reader(self._engine.event_fd())

    def pump(self) -> None:
        """Handle what waits, one batch a call: the eventfd stays readable while more is there."""
        for kind, engine_id, text, data in self._engine.drain(BATCH):
            try:
                self._handle(kind, engine_id, text, data)
            except Exception:
                logger.exception("engine event not handled: %s", kind)

    def _handle(self, kind: str, engine_id: int, text: str, data: bytes) -> None:
        if kind in PUBLICATION_STATES:
            if found := self._registry.publication(int(text)):
                self._on_publication(*found, PUBLICATION_STATES[kind])
        elif kind in RECORDING_EVENTS:
            room = self._registry.room_by_recording(text)
            self._events.append(kind, room=room.name if room else None, data={"recording_id": text})
        elif kind == "speakers":
            self._on_speakers(text, json.loads(data))
        elif kind == "layers_wanted":
            if found := self._registry.publication(int(text)):
                self._on_layers_wanted(*found, data.decode().split(","))
        elif kind == "failed":
            self._on_failed(text)
        elif media_session := self._registry.by_engine_id(engine_id):
            self._on_session(kind, media_session, text, data)

    def _on_session(self, kind: str, media_session: MediaSession, text: str, data: bytes) -> None:
        if kind == "dtls":
            media_session.association.receive(data)
        elif kind == "selected":
            media_session.is_reached = True
            media_session.association.peer_reachable()
        elif kind in SESSION_SIGNALS:
            self._life_cycle.signal(media_session, SESSION_SIGNALS[kind])
        elif kind == "delivered" and media_session.role == "viewer":
            self._life_cycle.report("viewer_delivered", media_session, highest_sequence=int(text))

    def _on_publication(
        self, publication: Publication, media_session: MediaSession, state: PublicationState
    ) -> None:
        """Report a publisher live, stalled, resumed as one: it is stalled when all it sends has stalled."""
        publication.state = state
        if state is PublicationState.LIVE:
            if not media_session.is_live:
                media_session.is_live = True
                self._life_cycle.report("publisher_live", media_session, **_named(publication))
            elif media_session.is_stalled:
                self._life_cycle.report("publisher_resumed", media_session, **_named(publication))
            media_session.is_stalled = False
        elif all(entry.state is not PublicationState.LIVE for entry in media_session.publications):
            media_session.is_stalled = True
            self._life_cycle.report("publisher_stalled", media_session, **_named(publication))

    def _on_speakers(self, room: str, told: dict[str, Any]) -> None:
        """Report who speaks and whom the audio slots carry; a publication that just ended is left out."""
        found = [self._registry.publication(number) for number in told["speaking"]]
        speaking = [
            {"publication_id": publication.publication_id, "participant": publication.participant}
            for publication, _ in filter(None, found)
        ]
        heard: dict[str, int | None] = dict(zip(AUDIO_SLOTS, told["heard"], strict=True))
        if found_room := self._registry.rooms.get(room):
            found_room.heard = heard
        self._events.append("speakers", room=room, data={"speaking": speaking, "heard": heard})

    def _on_layers_wanted(
        self, publication: Publication, media_session: MediaSession, rids: list[str]
    ) -> None:
        """Report which layers somebody watches, for the page that sends them."""
        self._life_cycle.report(
            "layers_wanted", media_session, publication_id=publication.publication_id, wanted=rids
        )

    def _on_failed(self, text: str) -> None:
        logger.critical("the media engine failed: %s", text)
        self.is_failed = True
        for media_session in self._registry.sessions():
            self._life_cycle.signal(media_session, Signal.ENGINE_FAILED)


def _named(publication: Publication) -> dict[str, object]:
    return {"publication_id": publication.publication_id, "kind": publication.kind}
