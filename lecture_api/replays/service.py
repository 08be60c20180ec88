"""Grants to play a replay, its publication, and what happens when a recording is finished or an end
corrected.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.access import Admission, Need, gathering_for
from lecture_api.gatherings.events import EndCorrected, RecordingFinished
from lecture_api.gatherings.models import Gathering, Recording
from lecture_api.gatherings.page_state import ReplayRelease
from lecture_api.gatherings.service import announce_state, is_on_air, recording_of
from lecture_api.gatherings.states import RECORDING_TRANSITIONS, RecordingState
from lecture_api.presence.intervals import Interval
from lecture_api.replays.claims import Claim, accept, open_watch
from lecture_api.replays.errors import NoReplayError, ReplayStateError
from lecture_api.replays.events import RecordingMapped, ReplayProgressed, ReplayPublished
from lecture_api.replays.mapping import MapVersion, newest_map, store_map

GRANT_BEYOND_LENGTH: Final = timedelta(hours=12)
LIVE_LENGTH: Final = timedelta(hours=12)
"""Length assumed of a lecture that has not ended."""

POSTER_LENGTH: Final = timedelta(hours=1)

_HOSTS_ONLY = frozenset({RecordingState.READY, RecordingState.WITHDRAWN})


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a claim earned, and the gathering it was for."""

    gathering: Gathering
    programme: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to play one recording for a while, and where to begin."""

    playlist_url: str
    poster_url: str | None
    expires_at: datetime
    live: bool
    recording: MapVersion
    resume_position_ms: int
    watch_id: uuid.UUID


def register(runtime: Runtime) -> None:
    """Listen to gatherings: map a finished recording, map it anew when the end is corrected."""

    async def on_finished(db: AsyncSession, event: RecordingFinished) -> None:
        gathering = await db.get_one(Gathering, event.gathering_id)
        await _map(runtime, db, gathering, event.recording_id, dict(event.status))

    async def on_corrected(db: AsyncSession, event: EndCorrected) -> None:
        gathering = await db.get_one(Gathering, event.gathering_id)
        recording = await recording_of(db, event.gathering_id)
        if recording is not None and recording.final_status is not None:
            await _map(runtime, db, gathering, recording.id, recording.final_status)

    runtime.hooks.in_transaction(RecordingFinished, on_finished)
    runtime.hooks.in_transaction(EndCorrected, on_corrected)


async def grant(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> Grant:
    """Let a person play the replay, or the growing recording of a lecture on air.

    Raises: NoReplayError: nothing recorded yet, or not released to this person.
    """
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id)
        recording = await playable_recording(db, admission)
    live = recording.state == RecordingState.RECORDING
    if live:
        await refresh_live_map(runtime, gathering_id, recording.id)
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        mapped = await newest_map(db, gathering_id)
        if mapped is None or mapped.recording_id != recording.id or mapped.duration_ms == 0:
            raise NoReplayError
        watch = await open_watch(db, gathering_id, actor.subject_id, recording.id, now)
        watch_id, position_ms = watch.id, watch.position_ms
    length = LIVE_LENGTH if live else timedelta(milliseconds=mapped.duration_ms)
    expires_at = now + length + GRANT_BEYOND_LENGTH
    folder = _folder(runtime, actor, recording, expires_at)
    return Grant(
        playlist_url=f"{folder}/master.m3u8",
        # Made a little after the end; until then, and where there was no picture, it is 404.
        poster_url=None if live else f"{folder}/poster.jpg",
        expires_at=expires_at,
        live=live,
        recording=mapped,
        resume_position_ms=min(position_ms, mapped.duration_ms),
        watch_id=watch_id,
    )


async def poster_url(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> str:
    """Where the cover picture of a published replay is for this person, for a while.

    Raises: NoReplayError.
    """
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id)
        recording = await playable_recording(db, admission)
    if recording.state == RecordingState.RECORDING:
        raise NoReplayError
    return f"{_folder(runtime, actor, recording, runtime.clock.now() + POSTER_LENGTH)}/poster.jpg"


def _folder(runtime: Runtime, actor: Actor, recording: Recording, expires_at: datetime) -> str:
    """The signed folder of a recording, bound to person and gathering (docs/protocol/recordings.md)."""
    token = runtime.replay_grants.mint(
        recording_id=str(recording.id),
        participant=str(actor.subject_id),
        gathering_id=str(recording.gathering_id),
        expires_at=int(expires_at.timestamp()),
    )
    return f"/replay/{token}/{recording.id}"


async def playable_recording(db: AsyncSession, admission: Admission) -> Recording:
    """Return the recording this person may play now.

    Raises: NoReplayError.
    """
    recording = await recording_of(db, admission.gathering.id)
    if recording is None or recording.state == RecordingState.FAILED:
        raise NoReplayError
    # Over and not yet finished: whether it will be released to all is decided already.
    gathering = admission.gathering
    pending_review = (
        recording.state == RecordingState.RECORDING
        and not is_on_air(gathering)
        and gathering.replay_release == ReplayRelease.AFTER_REVIEW
    )
    hosts_only = pending_review or RecordingState(recording.state) in _HOSTS_ONLY
    if hosts_only and not admission.permissions.host:
        raise NoReplayError
    return recording


async def progress(
    runtime: Runtime, actor: Actor, gathering_id: uuid.UUID, watch_id: uuid.UUID, claim: Claim
) -> Accepted:
    """Take a player's claim.

    Raises: NoReplayError, WatchNotFoundError.
    """
    async with runtime.database.read() as db:
        admission = await gathering_for(db, actor, runtime.clock, gathering_id)
        recording = await playable_recording(db, admission)
        mapped = await newest_map(db, gathering_id)
    furthest = max((end for _, end in claim.segments), default=0)
    grows = recording.state == RecordingState.RECORDING
    if grows and (mapped is None or furthest > mapped.duration_ms):
        await refresh_live_map(runtime, gathering_id, recording.id)
    now = runtime.clock.now()
    async with runtime.database.write() as db:
        mapped = await newest_map(db, gathering_id)
        if mapped is None:
            raise NoReplayError
        accepted = await accept(
            db,
            gathering_id=gathering_id,
            subject_id=actor.subject_id,
            watch_id=watch_id,
            claim=claim,
            recording=mapped,
            now=now,
        )
        if accepted:
            await runtime.hooks.publish(db, ReplayProgressed(gathering_id, actor.subject_id, now))
    return Accepted(admission.gathering, accepted)


async def refresh_live_map(runtime: Runtime, gathering_id: uuid.UUID, recording_id: uuid.UUID) -> None:
    """Store how far a growing recording has come. The recorder is asked outside of any transaction."""
    status = await runtime.recordings.recording(str(recording_id))
    if status is None:
        return
    async with runtime.database.write() as db:
        gathering = await db.get_one(Gathering, gathering_id)
        await store_map(db, gathering, recording_id, status, runtime.clock.now())


async def publish(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID) -> None:
    """Release a replay that waits for review or was withdrawn.

    Raises: ReplayStateError, NoReplayError.
    """
    async with runtime.database.write() as db:
        recording, gathering = await _for_hosts(runtime, db, actor, gathering_id)
        _move(recording, RecordingState.PUBLISHED)
        recording.published_at = runtime.clock.now()
        recording.withdrawn_at = None
        recording.withdrawn_reason = None
        await runtime.hooks.publish(db, ReplayPublished(gathering_id, recording.published_at))
        await announce_state(db, runtime, gathering, runtime.clock.now())


async def withdraw(runtime: Runtime, actor: Actor, gathering_id: uuid.UUID, reason: str) -> None:
    """Take a replay away; what was earned stays.

    Raises: ReplayStateError, NoReplayError.
    """
    async with runtime.database.write() as db:
        recording, gathering = await _for_hosts(runtime, db, actor, gathering_id)
        _move(recording, RecordingState.WITHDRAWN)
        recording.withdrawn_at = runtime.clock.now()
        recording.withdrawn_reason = reason
        await announce_state(db, runtime, gathering, runtime.clock.now())


async def _for_hosts(
    runtime: Runtime, db: AsyncSession, actor: Actor, gathering_id: uuid.UUID
) -> tuple[Recording, Gathering]:
    admission = await gathering_for(db, actor, runtime.clock, gathering_id, Need.HOST)
    recording = await recording_of(db, gathering_id)
    if recording is None:
        raise NoReplayError
    if is_on_air(admission.gathering):
        raise ReplayStateError(extra={"state": recording.state})
    return recording, admission.gathering


def _move(recording: Recording, after: RecordingState) -> None:
    if after not in RECORDING_TRANSITIONS[RecordingState(recording.state)]:
        raise ReplayStateError(extra={"state": recording.state})
    recording.state = after.value


async def _map(
    runtime: Runtime, db: AsyncSession, gathering: Gathering, recording_id: uuid.UUID, status: dict[str, Any]
) -> None:
    now = runtime.clock.now()
    mapped = await store_map(db, gathering, recording_id, status, now)
    await runtime.hooks.publish(db, RecordingMapped(gathering.id, mapped.version, now))
