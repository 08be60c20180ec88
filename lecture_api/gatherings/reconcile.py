"""After a restart of the API or of the media node: what was on air goes on, the outage stands as a gap.

The programme clock stands still from the last instant the API is known to have worked until now (joints.md
§7), so nobody misses what could not be heard.
"""

import uuid
from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.events import RoomEvent
from lecture_api.core.media_node_client import MediaNodeError
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.models import Gathering, GatheringTransition, ServiceHeartbeat
from lecture_api.gatherings.room_control import match_room, one_at_a_time, room_of
from lecture_api.gatherings.service import announce_state, is_on_air, take_step
from lecture_api.gatherings.states import ON_AIR, GatheringState, Step, TimelineState
from lecture_api.gatherings.timeline import append_row

_log = structlog.get_logger(__name__)
_HEARTBEAT = "api"


async def on_air_ids(runtime: Runtime) -> list[uuid.UUID]:
    """The gatherings on air."""
    async with runtime.database.read() as db:
        return list(
            await db.scalars(select(Gathering.id).where(Gathering.state.in_([s.value for s in ON_AIR])))
        )


async def beat(runtime: Runtime) -> None:
    """Write down that the API works: where a gap would begin."""
    async with runtime.database.write() as db:
        insert = sqlite.insert if runtime.database.is_sqlite else postgresql.insert
        now = runtime.clock.now()
        statement = insert(ServiceHeartbeat).values(name=_HEARTBEAT, at=now)
        await db.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"at": now}))


async def reconcile(runtime: Runtime) -> None:
    """At process start, before anyone is served: write the gap, then open rooms and start recorders again."""
    for gathering_id in await on_air_ids(runtime):
        publishing = await _publishing(runtime, gathering_id)
        async with runtime.database.write() as db:
            await _bridge_outage(db, runtime, await db.get_one(Gathering, gathering_id), publishing)
    try:
        status = await runtime.media_node.status()
    except MediaNodeError as error:
        _log.warning("media_node_unreachable", error=str(error))
        return
    await on_media_epoch(runtime, status["media_epoch"])


async def on_media_epoch(runtime: Runtime, media_epoch: str) -> None:
    """The media node is a new one, or seen for the first time: rooms are opened anew, clients told to come
    again."""
    restarted = runtime.media_epoch not in (None, media_epoch)
    now = runtime.clock.now()
    for gathering_id in await on_air_ids(runtime):
        async with one_at_a_time(gathering_id):
            async with runtime.database.write() as db:
                gathering = await db.get_one(Gathering, gathering_id)
                if not is_on_air(gathering):
                    continue
                if restarted and gathering.live_sources:
                    gathering.live_sources = {}
                    gathering.unpublished_since = now
                    if gathering.state == GatheringState.LIVE:
                        await take_step(db, runtime, gathering, Step.LOSE_PUBLISHER, cause="media_epoch")
                await runtime.room_events.append(
                    db, gathering_id, now, "media_epoch", {"media_epoch": media_epoch}
                )
            await match_room(runtime, gathering_id)
    # Last: what failed on the way is done again when the node is heard next.
    runtime.media_epoch = media_epoch


async def _publishing(runtime: Runtime, gathering_id: uuid.UUID) -> dict[str, str]:
    """Sessions that publish right now, on a media node that ran on while the API was away."""
    try:
        room = await runtime.media_node.room(room_of(gathering_id))
    except MediaNodeError:
        return {}
    live = {
        item["participant"]: item["source"]
        for item in (room or {}).get("publications", [])
        if item["state"] == "live"
    }
    sessions = [item for item in (room or {}).get("sessions", []) if item["role"] == "publisher"]
    return {item["session_id"]: live[item["participant"]] for item in sessions if item["participant"] in live}


async def _bridge_outage(
    db: AsyncSession, runtime: Runtime, gathering: Gathering, publishing: dict[str, str]
) -> None:
    now = runtime.clock.now()
    gathering.live_sources = dict(publishing)
    # The outage does not count towards the automatic End.
    gathering.unpublished_since = None if publishing else now
    if gathering.state != GatheringState.LIVE:
        return
    worked_until = min(await _last_evidence(db, gathering.id), now)
    await append_row(
        db,
        gathering.id,
        at=worked_until,
        state=TimelineState.SERVICE_GAP,
        cause="service_gap",
        recorded_at=now,
    )
    if publishing:
        await append_row(
            db, gathering.id, at=now, state=TimelineState.LIVE, cause="service_restart", recorded_at=now
        )
        await announce_state(db, runtime, gathering, now)
    else:
        await take_step(db, runtime, gathering, Step.LOSE_PUBLISHER, cause="service_restart", at=now)


async def _last_evidence(db: AsyncSession, gathering_id: uuid.UUID) -> datetime:
    """The last instant at which this API is known to have worked for the gathering."""
    heartbeat = await db.get(ServiceHeartbeat, _HEARTBEAT)
    transition = await db.scalar(
        select(func.max(GatheringTransition.at)).where(GatheringTransition.gathering_id == gathering_id)
    )
    event = await db.scalar(select(func.max(RoomEvent.at)).where(RoomEvent.gathering_id == gathering_id))
    known = [
        instant for instant in (heartbeat.at if heartbeat else None, transition, event) if instant is not None
    ]
    return max(known)
