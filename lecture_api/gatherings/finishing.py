"""From End to a playable replay: recording off, recorder finished, replay published. Retried until it is
done."""

import uuid

import structlog
from sqlalchemy import select

from lecture_api.core.media_node_client import MediaNodeError
from lecture_api.core.recordings_client import RecordingsError
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.events import RecordingFinished
from lecture_api.gatherings.models import Gathering, Recording
from lecture_api.gatherings.page_state import ReplayRelease
from lecture_api.gatherings.room_control import match_room, one_at_a_time, open_room, room_of
from lecture_api.gatherings.service import announce_state, is_on_air, recording_of
from lecture_api.gatherings.states import GatheringState, RecordingState

_log = structlog.get_logger(__name__)
_DONE = "finished"
_GIVEN_UP = "failed"


async def finish(runtime: Runtime, gathering_id: uuid.UUID) -> bool:
    """Finish what an ended gathering left open; True when nothing is left to do. Idempotent."""
    async with one_at_a_time(gathering_id):
        async with runtime.database.read() as db:
            gathering = await db.get(Gathering, gathering_id)
            recording = await recording_of(db, gathering_id)
        if gathering is None or is_on_air(gathering):
            return True
        if recording is None or recording.state != RecordingState.RECORDING:
            return await match_room(runtime, gathering_id)
        try:
            # Off first: the engine tells the recorder that this was the end; then close the room for good.
            await open_room(runtime, gathering, recording_id=None)
            status = await runtime.recordings.finish(str(recording.id))
            await runtime.media_node.delete_room(room_of(gathering_id))
        except (MediaNodeError, RecordingsError) as error:
            _log.warning("finish_postponed", gathering=str(gathering_id), error=str(error))
            return False
        state = (status or {}).get("state", _GIVEN_UP)
        if state not in (_DONE, _GIVEN_UP):
            return False
        await _settle(runtime, gathering_id, status or {"state": _GIVEN_UP, "error": "recording_not_found"})
        return True


async def _settle(runtime: Runtime, gathering_id: uuid.UUID, status: dict[str, object]) -> None:
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        gathering = await db.get_one(Gathering, gathering_id)
        recording = await recording_of(db, gathering_id)
        if recording is None or recording.state != RecordingState.RECORDING or is_on_air(gathering):
            return
        duration = status.get("duration_ms")
        duration_ms = duration if isinstance(duration, int) else 0
        recording.final_status = status
        recording.duration_ms = duration_ms
        recording.finished_at = now
        # Nobody ever published: there is nothing to play.
        playable = status.get("state") == _DONE and duration_ms > 0
        recording.state = (RecordingState.READY if playable else RecordingState.FAILED).value
        if playable:
            # Before the listeners judge: from this instant on make-up has its time.
            if gathering.replay_release == ReplayRelease.AT_END:
                recording.state = RecordingState.PUBLISHED.value
                recording.published_at = now
            await runtime.hooks.publish(db, RecordingFinished(gathering_id, recording.id, status))
        await runtime.room_events.append(db, gathering_id, now, "recording", {"recording": False})
        await announce_state(db, runtime, gathering, now)


async def unfinished(runtime: Runtime) -> list[uuid.UUID]:
    """Ended gatherings whose recording still counts as running."""
    over = [GatheringState.ENDED.value, GatheringState.ARCHIVED.value]
    async with runtime.database.read() as db:
        found = await db.scalars(
            select(Recording.gathering_id)
            .join(Gathering, Gathering.id == Recording.gathering_id)
            .where(Recording.state == RecordingState.RECORDING.value, Gathering.state.in_(over))
        )
        return list(found)
