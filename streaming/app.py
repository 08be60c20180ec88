"""Puts a media node together and offers it as one ASGI app. Holds no rules of its own."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from streaming.control.metrics import metrics_routes
from streaming.control.node import NodeControl
from streaming.control.rooms import RoomControl
from streaming.dtls.aiortc_server import AiortcDtlsServer
from streaming.dtls.association import DtlsServer
from streaming.errors import StreamingError
from streaming.ice.candidates import announced_addresses, candidate_lines
from streaming.ice.servers import IceServers
from streaming.relay.addresses import local_addresses
from streaming.relay.engine import RelayEngine, open_engine
from streaming.rooms.admission import Admission, Limits
from streaming.rooms.clock import AnchoredClock
from streaming.rooms.engine_events import EngineEvents
from streaming.rooms.event_log import EventLog
from streaming.rooms.life_cycle import LifeCycle
from streaming.rooms.opening import SessionOpener
from streaming.rooms.registry import Registry
from streaming.settings import StreamingSettings
from streaming.signalling.cors import CorsHeaders
from streaming.signalling.pacing import OfferPace
from streaming.signalling.problem import on_http_exception, on_streaming_error, on_unexpected
from streaming.signalling.services import NodeServices
from streaming.tokens import TokenVerifier
from streaming.whep.endpoint import whep_routes
from streaming.whip.endpoint import whip_routes


class MediaNode:
    """One running media node: engine, rooms, event journal. Owns the engine it is given.

    `start` and `stop` belong into the lifespan of whoever serves the app: the app runs them itself when it is
    served alone; mounted into another app (whose lifespan does not reach mounted ones) the holder calls them.
    """

    def __init__(
        self,
        settings: StreamingSettings,
        engine: RelayEngine,
        token_verifier: TokenVerifier,
        *,
        node_epoch: str,
        dtls: DtlsServer | None = None,
    ) -> None:
        clock = AnchoredClock()
        self.media_epoch = node_epoch
        self._engine = engine
        registry = Registry(max_rooms=settings.media_max_rooms)
        self._events = EventLog(
            settings.event_spool_path, node_epoch, clock, limit=settings.media_event_limit
        )
        self._life_cycle = LifeCycle(engine, registry, self._events, clock)
        self._engine_events = EngineEvents(engine, registry, self._life_cycle, self._events)
        announced = announced_addresses(engine.local_addresses(), settings.media_public_addresses)
        opener = SessionOpener(
            engine,
            registry,
            self._life_cycle,
            dtls or AiortcDtlsServer(),
            clock,
            admission=Admission(Limits.of(settings), registry, self._life_cycle, clock),
            candidates=candidate_lines(announced),
            handshake_s=settings.media_handshake_seconds,
        )
        self.services = NodeServices(
            node_epoch=node_epoch,
            started_at_ms=clock.now_ms(),
            announced=announced,
            ice_servers=IceServers(
                settings.media_ice_servers,
                settings.turn_urls,
                settings.turn_secret.get_secret_value() if settings.turn_secret else None,
            ),
            engine=engine,
            registry=registry,
            opener=opener,
            life_cycle=self._life_cycle,
            events=self._events,
            verifier=token_verifier,
            clock=clock,
            offer_pace=OfferPace(settings.media_max_offers_per_address),
            metrics_token=settings.media_metrics_token.get_secret_value()
            if settings.media_metrics_token
            else None,
        )
        self._is_running = False

    @classmethod
    def open(cls, settings: StreamingSettings, token_verifier: TokenVerifier) -> "MediaNode":
        """Start the native engine by the settings and build a node around it.

        Raises:
            OSError: the media port is taken (EADDRINUSE), or an address is not ours.
            ValueError: a public address is malformed.
        """
        node_epoch = secrets.token_hex(8)
        engine = open_engine(
            addresses=settings.media_addresses or local_addresses(),
            port=settings.media_port,
            node_epoch=node_epoch,
            feed_path=settings.feed_socket_path,
            remb_bps=settings.media_remb_bps,
            workers=settings.media_workers,
            remb_min_bps=settings.media_remb_min_bps,
        )
        return cls(settings, engine, token_verifier, node_epoch=node_epoch)

    @property
    def is_ready(self) -> bool:
        """Return whether media can flow: started, and the engine alive."""
        return self._is_running and not self._engine_events.is_failed

    async def start(self) -> None:
        """Listen to the engine from now on."""
        self._engine_events.start()
        self._is_running = True

    async def stop(self) -> None:
        """Say goodbye to everyone, then stop the engine. Unacknowledged events stay on disk."""
        if not self._is_running:
            return
        self._is_running = False
        await self._life_cycle.close_all()
        self._engine_events.stop()
        self._engine.shutdown()
        self._events.close()


def create_app(
    settings: StreamingSettings, engine: RelayEngine, token_verifier: TokenVerifier, *, node_epoch: str
) -> Starlette:
    """Return the ASGI app of a new media node; `node_epoch` is the one the engine was opened with."""
    return app_of(MediaNode(settings, engine, token_verifier, node_epoch=node_epoch))


def app_of(node: MediaNode) -> Starlette:
    """Return the ASGI app of a media node, found again as `app.state.node`."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await node.start()
        try:
            yield
        finally:
            await node.stop()

    app = Starlette(
        routes=[
            *whip_routes(node.services),
            *whep_routes(node.services),
            *RoomControl(node.services).routes(),
            *NodeControl(node.services).routes(),
            *metrics_routes(node.services),
        ],
        middleware=[Middleware(CorsHeaders)],
        exception_handlers={
            StreamingError: on_streaming_error,
            HTTPException: on_http_exception,
            Exception: on_unexpected,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.node = node
    return app
