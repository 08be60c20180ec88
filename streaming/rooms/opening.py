"""Opens sessions: checks what the room allows, answers the offer, introduces the peer to engine and DTLS."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streaming.dtls.association import DtlsServer
from streaming.errors import NodeFull, SdpUnsupported, SourceTaken
from streaming.ice.credentials import IceCredentials
from streaming.relay.engine import RelayEngine
from streaming.rooms.admission import Admission
from streaming.rooms.clock import AnchoredClock
from streaming.rooms.entry import Entry
from streaming.rooms.life_cycle import LifeCycle
from streaming.rooms.media_session import MediaSession, PublisherSource, Role
from streaming.rooms.negotiation import Negotiated, negotiate_publisher, negotiate_viewer
from streaming.rooms.publication import Publication
from streaming.rooms.registry import RETRY_WHEN_FULL_S, Registry
from streaming.rooms.room import Room
from streaming.rooms.session_states import SessionState, Signal
from streaming.sdp.answer import LocalTransport
from streaming.sdp.fragment import IceFragment, render_restart

# What is heard is chosen by loudness, so many may speak; what is seen is directed.
PUBLISHERS_MAX: dict[PublisherSource, int] = {"camera": 1, "screen": 1, "microphone": 30}


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that waits for its first STUN check, and the answer that tells the client where to send
    it."""

    media_session: MediaSession
    answer: str


class SessionOpener:
    """Makes sessions from offers, and gives them new ICE credentials."""

    def __init__(
        self,
        engine: RelayEngine,
        registry: Registry,
        life_cycle: LifeCycle,
        dtls: DtlsServer,
        clock: AnchoredClock,
        *,
        admission: Admission,
        candidates: Sequence[str],
        handshake_s: float,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._admission = admission
        self._life_cycle = life_cycle
        self._dtls = dtls
        self._clock = clock
        self._candidates = tuple(candidates)
        self._handshake_s = handshake_s

    def open_publisher(self, room_name: str, entry: Entry, source: PublisherSource, offer: str) -> Opened:
        """Answer a WHIP offer.

        Raises:
            KeyRevoked: an old stream key, or one for a room that is not open.
            SourceTaken: another participant, not silent, publishes this source.
            TooManySessions, RoomFull, NodeFull, SdpMalformed, SdpUnsupported, CodecNotAccepted: see each.
        """
        existing = self._registry.rooms.get(room_name)
        entry.require_current(existing.key_generation if existing else None)
        self._admission.require_place(room_name, entry, "publisher")
        others = [
            other
            for other in (existing.publishers() if existing else ())
            if other.source == source
            and other.participant != entry.participant
            and other.state is not SessionState.SILENT
        ]
        if len(others) >= PUBLISHERS_MAX[source]:
            raise SourceTaken(f"others publish this source, and there is no place for one more: {source}")
        codecs = (existing or Room(room_name)).accepted_codecs()
        return self._open(
            "publisher",
            room_name,
            entry,
            source,
            lambda local: negotiate_publisher(offer, source, codecs, local),
        )

    def open_viewer(self, room_name: str, entry: Entry, offer: str) -> Opened:
        """Answer a WHEP offer; the room need not have a publisher yet.

        Raises:
            TooManySessions, RoomFull, NodeFull, SdpMalformed, SdpUnsupported: see each.
        """
        self._admission.require_place(room_name, entry, "viewer")
        return self._open("viewer", room_name, entry, None, lambda local: negotiate_viewer(offer, local))

    def restart_ice(self, media_session: MediaSession, fragment: IceFragment) -> str:
        """Give the session new credentials, keeping DTLS, slots and subscription; return the answering
        fragment."""
        credentials = IceCredentials.generate()
        self._engine.restart_ice(media_session.engine_id, credentials.ufrag, credentials.pwd)
        media_session.etag = new_etag()
        media_session.remote_ufrag = fragment.ufrag or media_session.remote_ufrag
        return render_restart(media_session.media, credentials.ufrag, credentials.pwd, self._candidates)

    def _open(
        self,
        role: Role,
        room_name: str,
        entry: Entry,
        source: PublisherSource | None,
        negotiate: Callable[[LocalTransport], Negotiated],
    ) -> Opened:
        credentials = IceCredentials.generate()
        negotiated = negotiate(
            LocalTransport(credentials.ufrag, credentials.pwd, self._dtls.fingerprint, self._candidates)
        )
        # Only now: a refused offer leaves no room behind.
        room = self._registry.room_or_new(room_name)
        engine_id = self._registry.next_engine_id()
        media_session = MediaSession(
            engine_id=engine_id,
            session_id=secrets.token_urlsafe(15),
            role=role,
            room=room,
            entry=entry,
            source=source,
            media=negotiated.media,
            remote_ufrag=negotiated.remote.ufrag,
            etag=new_etag(),
            association=self._dtls.associate(
                negotiated.remote.fingerprints,
                lambda datagram: self._engine.send_dtls(engine_id, datagram),
                "client" if negotiated.remote.answered_setup == "active" else "server",
            ),
            since_ms=self._clock.now_ms(),
            publications=[
                Publication(self._registry.next_publication_id(), entry.participant, spec)
                for spec in negotiated.publications
            ],
        )
        self._registry.add(media_session)
        try:
            self._introduce(media_session, credentials, negotiated)
        except (ValueError, RuntimeError) as error:
            self._life_cycle.signal(media_session, Signal.ENGINE_FAILED)
            if isinstance(error, ValueError):
                raise SdpUnsupported(f"the media engine refuses the offer: {error}") from error
            raise NodeFull("the media engine is down", RETRY_WHEN_FULL_S) from error
        self._life_cycle.start(media_session, self._handshake_s)
        return Opened(media_session, negotiated.answer)

    def _introduce(
        self, media_session: MediaSession, credentials: IceCredentials, negotiated: Negotiated
    ) -> None:
        engine_id = media_session.engine_id
        self._engine.add_session(
            engine_id,
            media_session.room.name,
            credentials.ufrag,
            credentials.pwd,
            publishes=bool(media_session.publications),
        )
        for publication in media_session.publications:
            self._engine.publish(engine_id, publication.publication_id, publication.spec.to_json())
        if negotiated.subscription:
            self._engine.subscribe(engine_id, negotiated.subscription.to_json())


def new_etag() -> str:
    """Return a strong entity tag for one ICE session (RFC 9110 §8.8.3)."""
    return f'"{secrets.token_hex(8)}"'
