"""The life of a gathering: every step of the state table is taken here, with its row, its room event and
its news.

Nothing remote happens here; what a step means for the room and the recorder is in `room_control` and
`finishing`.
"""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.actor import Actor
from lecture_api.core.clock import epoch_ms
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.convened import take_snapshot
from lecture_api.gatherings.errors import BadEffectiveEndError, ResumeTooLateError, StateConflictError
from lecture_api.gatherings.events import (
    EndCorrected,
    GatheringEnded,
    GatheringStarted,
    GatheringStateChanged,
)
from lecture_api.gatherings.kinds import is_recorded
from lecture_api.gatherings.models import AttendancePolicy, EndCorrection, Gathering, Recording
from lecture_api.gatherings.page_state import PageState, ReplayRelease, page_state
from lecture_api.gatherings.programme_clock import programme_length_ms
from lecture_api.gatherings.states import (
    ON_AIR,
    RECORDING_TRANSITIONS,
    GatheringState,
    RecordingState,
    Step,
    TimelineState,
    next_state,
)
from lecture_api.gatherings.timeline import append_row, load_spans

_ON_THE_LINE = {
    GatheringState.LIVE: TimelineState.LIVE,
    GatheringState.INTERRUPTED: TimelineState.INTERRUPTED,
    GatheringState.ON_BREAK: TimelineState.ON_BREAK,
    GatheringState.ENDED: TimelineState.ENDED,
}


def refuse_unless_possible(gathering: Gathering, step: Step) -> GatheringState:
    """Where the step leads; StateConflictError, naming the present state, when it leads nowhere."""
    after = next_state(GatheringState(gathering.state), step)
    if after is None:
        raise StateConflictError(extra={"state": gathering.state})
    return after


async def take_step(
    db: AsyncSession,
    runtime: Runtime,
    gathering: Gathering,
    step: Step,
    *,
    cause: str,
    at: datetime | None = None,
    actor: Actor | None = None,
) -> datetime:
    """Take one step of the state table; returns the instant at which it counts.

    Args:
        at: when it happened, by the server's or the media node's clock; default now.
        cause: for the timeline: what brought it about.

    Raises:
        StateConflictError: not possible in the present state.
    """
    before = GatheringState(gathering.state)
    after = refuse_unless_possible(gathering, step)
    now = runtime.clock.now()
    at = at or now
    gathering.state = after.value
    if after in _ON_THE_LINE:
        at = await append_row(
            db,
            gathering.id,
            at=at,
            state=_ON_THE_LINE[after],
            cause=cause,
            recorded_at=now,
            actor_subject_id=actor.subject_id if actor else None,
        )
    await announce_state(db, runtime, gathering, at)
    await runtime.hooks.publish(db, GatheringStateChanged(gathering.id, before.value, after.value, at))
    return at


async def start(
    db: AsyncSession, runtime: Runtime, gathering: Gathering, actor: Actor, recording_id: uuid.UUID | None
) -> None:
    """The first Start: programme 0, the expected are fixed, the newest policy is pinned."""
    refuse_unless_possible(gathering, Step.START)
    now = runtime.clock.now()
    newest = select(AttendancePolicy.version).order_by(AttendancePolicy.version.desc()).limit(1)
    gathering.policy_version = (await db.scalars(newest)).one()
    gathering.actual_start = now
    gathering.unpublished_since = now
    if recording_id is not None:
        state = RecordingState.RECORDING.value
        db.add(Recording(id=recording_id, gathering_id=gathering.id, state=state, started_at=now))
        await runtime.room_events.append(db, gathering.id, now, "recording", {"recording": True})
    await take_snapshot(db, gathering, now)
    await take_step(db, runtime, gathering, Step.START, cause="start", at=now, actor=actor)
    await runtime.hooks.publish(db, GatheringStarted(gathering.id, now))


async def end(
    db: AsyncSession, runtime: Runtime, gathering: Gathering, *, cause: str, actor: Actor | None = None
) -> None:
    """End, by the host or automatic."""
    at = await take_step(db, runtime, gathering, Step.END, cause=cause, actor=actor)
    gathering.actual_end = at
    gathering.effective_end = None
    gathering.live_sources = {}
    gathering.peak_viewers = max(gathering.peak_viewers, runtime.viewer_counts.peak(gathering.id))
    await runtime.hooks.publish(db, GatheringEnded(gathering.id, at))


async def go_on(db: AsyncSession, runtime: Runtime, gathering: Gathering, actor: Actor) -> None:
    """The break is over: live, or interrupted when nothing is published."""
    await take_step(db, runtime, gathering, Step.CONTINUE, cause="continue", actor=actor)
    if not gathering.live_sources:
        await take_step(db, runtime, gathering, Step.LOSE_PUBLISHER, cause="nothing_published")


async def resume(db: AsyncSession, runtime: Runtime, gathering: Gathering, actor: Actor) -> None:
    """Take End back: on air again, interrupted until the lecturer publishes.

    Raises:
        ResumeTooLateError: End was longer ago than settings allow.
        StateConflictError: not ended, or the replay was withdrawn meanwhile.
    """
    refuse_unless_possible(gathering, Step.RESUME)
    now = runtime.clock.now()
    assert gathering.actual_end is not None
    if now - gathering.actual_end > timedelta(minutes=runtime.settings.resume_minutes):
        raise ResumeTooLateError
    recording = await recording_of(db, gathering.id)
    if recording is not None and recording.state != RecordingState.RECORDING:
        # A withdrawn replay would be published again at the next End.
        if RecordingState.RECORDING not in RECORDING_TRANSITIONS[RecordingState(recording.state)]:
            raise StateConflictError(extra={"state": gathering.state, "recording": recording.state})
        recording.state = RecordingState.RECORDING.value
        recording.published_at = None
        await runtime.room_events.append(db, gathering.id, now, "recording", {"recording": True})
    gathering.actual_end = None
    gathering.effective_end = None
    gathering.unpublished_since = now
    await take_step(db, runtime, gathering, Step.RESUME, cause="resume", at=now, actor=actor)


async def correct_end(
    db: AsyncSession,
    runtime: Runtime,
    gathering: Gathering,
    actor: Actor,
    *,
    effective_end: datetime,
    reason: str,
) -> None:
    """Correct a forgotten End: what lies behind it is out of the programme (joints.md §7).

    Raises:
        StateConflictError: not ended yet.
        BadEffectiveEndError: not within the time on air.
    """
    if gathering.state not in (GatheringState.ENDED, GatheringState.ARCHIVED):
        raise StateConflictError(extra={"state": gathering.state})
    assert gathering.actual_start is not None
    assert gathering.actual_end is not None
    if not gathering.actual_start < effective_end <= gathering.actual_end:
        raise BadEffectiveEndError
    now = runtime.clock.now()
    db.add(
        EndCorrection(
            gathering_id=gathering.id,
            effective_end=effective_end,
            reason=reason,
            actor_subject_id=actor.subject_id,
            recorded_at=now,
        )
    )
    gathering.effective_end = effective_end
    await db.flush()
    await announce_state(db, runtime, gathering, now)
    await runtime.hooks.publish(db, EndCorrected(gathering.id, effective_end))


async def recording_of(db: AsyncSession, gathering_id: uuid.UUID) -> Recording | None:
    """The recording of a gathering, if it has one."""
    found: Recording | None = await db.scalar(select(Recording).where(Recording.gathering_id == gathering_id))
    return found


def page_state_of(
    gathering: Gathering, recording: Recording | None, *, may_watch: bool, now: datetime
) -> PageState:
    """`page_state` of rows."""
    return page_state(
        state=GatheringState(gathering.state),
        scheduled_start=gathering.scheduled_start,
        records=is_recorded(gathering.kind),
        recording=RecordingState(recording.state) if recording else None,
        replay_release=ReplayRelease(gathering.replay_release),
        may_watch=may_watch,
        now=now,
    )


async def announce_state(db: AsyncSession, runtime: Runtime, gathering: Gathering, at: datetime) -> None:
    """Tell the room what the page shows now and where the programme clock stands."""
    await db.flush()
    recording = await recording_of(db, gathering.id)
    spans = await load_spans(db, gathering, at)
    await runtime.room_events.append(
        db,
        gathering.id,
        at,
        "state",
        {
            "page_state": page_state_of(gathering, recording, may_watch=True, now=at).value,
            "gathering_state": gathering.state,
            "programme_ms": programme_length_ms(spans),
            "programme_running": gathering.state == GatheringState.LIVE,
            "as_of_ms": epoch_ms(at),
        },
    )


def is_on_air(gathering: Gathering) -> bool:
    """Whether the gathering is live, interrupted or on a break."""
    return GatheringState(gathering.state) in ON_AIR
