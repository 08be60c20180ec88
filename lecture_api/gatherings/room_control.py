"""What a gathering's states mean for its media room and its recorder; the remote half of Start, Resume and
End.

Recording fails closed: a room records only after this module said so, from the gathering's kind (joints.md
§6).
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import structlog

from lecture_api.core.media_node_client import MediaNodeError
from lecture_api.core.recordings_client import RecordingsError
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.kinds import is_recorded
from lecture_api.gatherings.models import Gathering
from lecture_api.gatherings.service import is_on_air, recording_of
from lecture_api.gatherings.states import RecordingState

_log = structlog.get_logger(__name__)
_locks: WeakValueDictionary[uuid.UUID, asyncio.Lock] = WeakValueDictionary()
_unmatched: set[uuid.UUID] = set()


def room_of(gathering_id: uuid.UUID) -> str:
    """The media room of a gathering."""
    return str(gathering_id)


def gathering_of(room: str) -> uuid.UUID | None:
    """The gathering of a media room; None for rooms of foreign tools."""
    try:
        return uuid.UUID(room)
    except ValueError:
        return None


def codec_for(kind: str) -> str:
    """H264 where it is recorded and replayed without transcoding, VP8 elsewhere (design.md §2)."""
    return "H264" if is_recorded(kind) else "VP8"


@asynccontextmanager
async def one_at_a_time(gathering_id: uuid.UUID) -> AsyncIterator[None]:
    """Steps of one gathering that reach out to room and recorder do not overlap."""
    lock = _locks.setdefault(gathering_id, asyncio.Lock())
    async with lock:
        yield


async def open_room(runtime: Runtime, gathering: Gathering, recording_id: uuid.UUID | None) -> None:
    """Open the room, recording only what may be recorded, with the stream keys that are good. Idempotent.

    Raises:
        MediaNodeError: the node does not answer; nothing is on air then.
    """
    recorded = str(recording_id) if recording_id is not None and is_recorded(gathering.kind) else None
    await runtime.media_node.put_room(
        room_of(gathering.id),
        recording_id=recorded,
        codec=codec_for(gathering.kind),
        key_generation=gathering.key_generation,
    )


async def start_recorder(runtime: Runtime, gathering_id: uuid.UUID, recording_id: uuid.UUID) -> bool:
    """Start or continue the recorder. False when the service does not answer: the keeper tries again, the
    engine keeps the last minute for it."""
    try:
        await runtime.recordings.start(
            str(recording_id), room=room_of(gathering_id), feed_socket=str(runtime.settings.feed_socket)
        )
    except RecordingsError as error:
        _log.warning("recorder_not_started", gathering=str(gathering_id), error=str(error))
        return False
    return True


def unmatched() -> list[uuid.UUID]:
    """Gatherings whose room the media node did not take when it was last told; the keeper tells it again."""
    return list(_unmatched)


async def match_room(runtime: Runtime, gathering_id: uuid.UUID) -> bool:
    """Make room and recorder what the database says: after a failed step, a restart, a new media epoch.

    False when the media node does not answer: `unmatched` names the gathering until it does.
    """
    _unmatched.discard(gathering_id)
    async with runtime.database.read() as db:
        gathering = await db.get(Gathering, gathering_id)
        recording = await recording_of(db, gathering_id)
    if gathering is None:
        return True
    try:
        if not is_on_air(gathering):
            await runtime.media_node.delete_room(room_of(gathering_id))
            return True
        recording_id = recording.id if recording and recording.state == RecordingState.RECORDING else None
        await open_room(runtime, gathering, recording_id)
    except MediaNodeError as error:
        _log.warning("room_not_matched", gathering=str(gathering_id), error=str(error))
        _unmatched.add(gathering_id)
        return False
    if recording_id is not None:
        await start_recorder(runtime, gathering_id, recording_id)
    return True
