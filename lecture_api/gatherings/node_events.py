"""Takes in the media node's events: pulled, applied exactly once, acknowledged after the commit (joints.md
§2)."""

import asyncio
from contextlib import nullcontext
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import from_epoch_ms
from lecture_api.core.media_node_client import MediaNodeError
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.events import NodeEvent
from lecture_api.gatherings.models import Gathering, NodeEventCursor
from lecture_api.gatherings.reconcile import on_media_epoch
from lecture_api.gatherings.room_control import gathering_of
from lecture_api.gatherings.service import is_on_air, take_step
from lecture_api.gatherings.states import GatheringState, Step

_log = structlog.get_logger(__name__)
_WAIT_S = 15.0
_RETRY_S = 1.0
# Delivery reports of a full room trickle in one by one; they are committed together (joints.md §8).
_GATHER_S = 0.3


_FREQUENT = frozenset({"viewer_delivered", "speakers"})


class NodeEventIngester:
    """One per installation. `NodeEvent` handlers run inside the ingesting transaction; one that fails
    costs its own event only, never those behind it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._position: tuple[str | None, int] = (None, 0)

    async def run(self) -> None:
        """Pull for ever."""
        while True:
            try:
                if await self.pull(wait_s=_WAIT_S):
                    await asyncio.sleep(_GATHER_S)
            except MediaNodeError as error:
                _log.warning("media_node_unreachable", error=str(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:
                _log.exception("node_events_not_ingested")
                await asyncio.sleep(_RETRY_S)

    async def pull(self, *, wait_s: float) -> int:
        """One round; returns how many events came. They are asked for again until they are committed here."""
        epoch, after = self._position
        answer = await self._runtime.media_node.events(after=after, epoch=epoch, wait_s=wait_s)
        events: list[dict[str, Any]] = answer["events"]
        if answer["node_epoch"] != self._runtime.media_epoch:
            await on_media_epoch(self._runtime, answer["node_epoch"])
        newest: dict[str, int] = {}
        if events:
            async with self._runtime.database.write() as db:
                # The database session holds rows weakly: without this every event would read them again.
                held: list[Any] = []
                for event in events:
                    held += await self._apply_once(db, event)
                    newest[event["node_epoch"]] = event["seq"]
            for node_epoch, seq in newest.items():
                await self._runtime.media_node.acknowledge(node_epoch=node_epoch, seq=seq)
                self._position = (node_epoch, seq)
        return len(events)

    async def _apply_once(self, db: AsyncSession, event: dict[str, Any]) -> tuple[Any, ...]:
        """Apply an event that is new; returns the rows it was about."""
        cursor = await db.get(NodeEventCursor, event["node_epoch"])
        if cursor is None:
            cursor = NodeEventCursor(node_epoch=event["node_epoch"], seq=0)
            db.add(cursor)
        gathering_id = gathering_of(event.get("room") or "")
        gathering = await db.get(Gathering, gathering_id) if gathering_id is not None else None
        if event["seq"] <= cursor.seq:
            return cursor, gathering
        cursor.seq = event["seq"]
        # A savepoint costs more than the event; what comes all the time from every viewer writes no rows.
        guard = nullcontext() if event["type"] in _FREQUENT else db.begin_nested()
        try:
            async with guard:
                await self._runtime.hooks.publish(db, _known(event, gathering))
        except Exception:
            _log.exception("node_event_failed", type=event.get("type"), seq=event["seq"])
        return cursor, gathering


def _known(event: dict[str, Any], gathering: Gathering | None) -> NodeEvent:
    return NodeEvent(
        node_epoch=event["node_epoch"],
        seq=event["seq"],
        type=event["type"],
        room=event.get("room") or "",
        gathering_id=gathering.id if gathering else None,
        participant=event.get("participant"),
        session_id=event.get("session_id"),
        at=from_epoch_ms(event["at_ms"]),
        data=event.get("data") or {},
    )


async def on_publisher_event(runtime: Runtime, db: AsyncSession, event: NodeEvent) -> None:
    """A lecturer's media came, stalled, came again or went: live or interrupted, at the instant the node
    saw it."""
    if event.gathering_id is None or event.session_id is None or not event.type.startswith("publisher_"):
        return
    if event.data.get("source") == "microphone":
        return  # Somebody else's voice: a lecture without its lecturer is interrupted all the same.
    if event.node_epoch != runtime.media_epoch:
        # Spooled before the node restarted: who published then publishes no more.
        return
    gathering = await db.get_one(Gathering, event.gathering_id, with_for_update=True)
    key = event.session_id
    had_media = bool(gathering.live_sources)
    sources = dict(gathering.live_sources)
    if event.type in ("publisher_live", "publisher_resumed"):
        sources[key] = event.data.get("source", "camera")
    elif event.type in ("publisher_stalled", "publisher_gone"):
        sources.pop(key, None)
    gathering.live_sources = sources
    if not is_on_air(gathering) or bool(sources) == had_media:
        return
    gathering.unpublished_since = None if sources else event.at
    await runtime.room_events.append(db, gathering.id, event.at, "publications", {"live": bool(sources)})
    # `replaced`: the lecturer's browser reconnects; the new publication is about to be live.
    if sources and gathering.state == GatheringState.INTERRUPTED:
        await take_step(db, runtime, gathering, Step.REGAIN_PUBLISHER, cause=event.type, at=event.at)
    elif not sources and gathering.state == GatheringState.LIVE and event.data.get("cause") != "replaced":
        await take_step(db, runtime, gathering, Step.LOSE_PUBLISHER, cause=event.type, at=event.at)
