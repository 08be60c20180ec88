"""Looks after gatherings by the second: heartbeat, automatic End, silent lecturers, recorders, unfinished
replays."""

import asyncio
import uuid
from datetime import timedelta

import structlog

from lecture_api.core.recordings_client import RecordingsError
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings import service
from lecture_api.gatherings.finishing import finish, unfinished
from lecture_api.gatherings.hosting import finish_soon
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.reconcile import beat, on_air_ids
from lecture_api.gatherings.room_control import match_room, one_at_a_time, unmatched
from lecture_api.gatherings.states import GatheringState, RecordingState, Step

_log = structlog.get_logger(__name__)
_TICK_S = 1.0
_RECORDERS_EVERY = 5
#: Live with nothing published for so long is interrupted: the lecturer's page never came, or went without
# a word.
SILENT_AFTER = timedelta(seconds=10)


async def keep(runtime: Runtime) -> None:
    """For ever, once a second. A round that fails is logged; the next one tries again."""
    rounds = 0
    while True:
        try:
            await keep_once(runtime, look_at_recorders=rounds % _RECORDERS_EVERY == 0)
        except Exception:
            _log.exception("keeper_round_failed")
        rounds += 1
        await asyncio.sleep(_TICK_S)


async def keep_once(runtime: Runtime, *, look_at_recorders: bool = True) -> None:
    """One round."""
    on_air = await on_air_ids(runtime)
    if on_air:
        await beat(runtime)
    for gathering_id in on_air:
        await _judge_silence(runtime, gathering_id)
        if look_at_recorders:
            await _look_at_recorder(runtime, gathering_id)
    for gathering_id in unmatched():
        async with one_at_a_time(gathering_id):
            await match_room(runtime, gathering_id)
    for gathering_id in await unfinished(runtime):
        await finish(runtime, gathering_id)


async def _judge_silence(runtime: Runtime, gathering_id: uuid.UUID) -> None:
    async with runtime.database.read() as db:
        gathering = await db.get_one(Gathering, gathering_id)
    since = gathering.unpublished_since
    if since is None or not service.is_on_air(gathering):
        return
    silent = runtime.clock.now() - since
    over = silent >= timedelta(minutes=runtime.settings.auto_end_minutes)
    if not over and not (silent >= SILENT_AFTER and gathering.state == GatheringState.LIVE):
        return
    async with runtime.database.write() as db:
        gathering = await db.get_one(Gathering, gathering_id, with_for_update=True)
        if gathering.unpublished_since != since or not service.is_on_air(gathering):
            return
        if over:
            await service.end(db, runtime, gathering, cause="automatic_end")
        elif gathering.state == GatheringState.LIVE:
            await service.take_step(db, runtime, gathering, Step.LOSE_PUBLISHER, cause="nothing_published")
    if over:
        finish_soon(runtime, gathering_id)


async def _look_at_recorder(runtime: Runtime, gathering_id: uuid.UUID) -> None:
    async with runtime.database.read() as db:
        recording = await service.recording_of(db, gathering_id)
    if recording is None or recording.state != RecordingState.RECORDING:
        return
    try:
        status = await runtime.recordings.recording(str(recording.id))
    except RecordingsError as error:
        _log.warning("recordings_unreachable", error=str(error))
        return
    state = status.get("state") if status else None
    if state in (None, "failed", "finished"):
        async with one_at_a_time(gathering_id):
            await match_room(runtime, gathering_id)
    elif runtime.recorder_states.note(gathering_id, paused=state == "paused_disk"):
        # The chip that everyone sees says what is true.
        async with runtime.database.write() as db:
            told = {"recording": state != "paused_disk"}
            await runtime.room_events.append(db, gathering_id, runtime.clock.now(), "recording", told)
