"""What the HTTP endpoints need of a media node, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

from streaming.ice.servers import IceServers
from streaming.relay.engine import RelayEngine
from streaming.rooms.clock import AnchoredClock
from streaming.rooms.event_log import EventLog
from streaming.rooms.life_cycle import LifeCycle
from streaming.rooms.opening import SessionOpener
from streaming.rooms.registry import Registry
from streaming.signalling.pacing import OfferPace
from streaming.tokens import TokenVerifier


@dataclass(frozen=True, slots=True)
class NodeServices:
    """One media node. `started_at_ms` is UTC; `announced` are the (address, port) pairs of its candidates."""

    node_epoch: str
    started_at_ms: int
    announced: Sequence[tuple[str, int]]
    ice_servers: IceServers
    engine: RelayEngine
    registry: Registry
    opener: SessionOpener
    life_cycle: LifeCycle
    events: EventLog
    verifier: TokenVerifier
    clock: AnchoredClock
    offer_pace: OfferPace
    metrics_token: str | None = None
