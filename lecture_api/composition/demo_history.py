"""The past of the demo: who was there in the gatherings that are over, as evidence from which records are
computed, and their replays.

Written as evidence, never as results: what the pages show goes the same way as for real gatherings.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.accounts.models import PersonSubject
from lecture_api.composition.demo_replays import publish_replay, stage_replay
from lecture_api.core.ids import new_id
from lecture_api.core.runtime import Runtime
from lecture_api.gatherings.convened import take_snapshot
from lecture_api.gatherings.kinds import is_recorded
from lecture_api.gatherings.models import ConvenedPerson, Gathering
from lecture_api.gatherings.states import TimelineState
from lecture_api.gatherings.timeline import append_row
from lecture_api.presence.models import PresenceInterval
from lecture_api.records.recompute import recompute

#: Shares of the programme in which somebody was there; people take turns through the patterns.
_PATTERNS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0.0, 1.0),),
    ((0.0, 0.55), (0.58, 1.0)),
    ((0.02, 0.98),),
    ((0.25, 1.0),),
    ((0.0, 0.4),),
    ((0.0, 1.0),),
    (),
)


async def write_history(runtime: Runtime, gatherings: Sequence[Gathering]) -> AsyncIterator[str]:
    """Timeline, expected people, presence, replay and the records that follow, of gatherings that are over.

    Yields a line for each replay. Replays must listen to `runtime.hooks`.
    """
    now = runtime.clock.now()
    for turn, gathering in enumerate(gatherings):
        staged = None
        if is_recorded(gathering.kind):
            try:
                staged = stage_replay(runtime.settings, gathering, turn)
            except OSError as error:
                yield f"demo replay  {gathering.title}: left out, {error.strerror}"
        async with runtime.database.write() as db:
            row = await db.get_one(Gathering, gathering.id)
            await _history_of(db, row, turn, now)
            if staged is not None:
                await publish_replay(db, runtime, row, staged)
            await recompute(db, row, now, "end")
        if staged is not None:
            yield f"demo replay  {gathering.title}"


async def _history_of(db: AsyncSession, gathering: Gathering, turn: int, now: datetime) -> None:
    start, end = gathering.actual_start, gathering.actual_end
    assert start is not None
    assert end is not None
    for at, state, cause in ((start, TimelineState.LIVE, "start"), (end, TimelineState.ENDED, "end")):
        await append_row(db, gathering.id, at=at, state=state, cause=cause, recorded_at=now)
    await take_snapshot(db, gathering, start)
    expected = await db.scalars(
        select(ConvenedPerson.subject_id)
        .join(PersonSubject, PersonSubject.subject_id == ConvenedPerson.subject_id)
        .where(ConvenedPerson.gathering_id == gathering.id)
        # In the order of the demo's numbers, the same in every installation; subject ids are random.
        .order_by(PersonSubject.person_id)
    )
    length = end - start
    for place, subject_id in enumerate(expected):
        for begin_share, end_share in _PATTERNS[(place + turn) % len(_PATTERNS)]:
            db.add(
                PresenceInterval(
                    id=new_id(),
                    gathering_id=gathering.id,
                    subject_id=subject_id,
                    connection_id=new_id(),
                    source="channel",
                    started_at=_whole_seconds(start + length * begin_share),
                    ended_at=_whole_seconds(start + length * end_share),
                    cause="left",
                    recorded_at=now,
                )
            )
    await db.flush()


def _whole_seconds(instant: datetime) -> datetime:
    return instant - timedelta(microseconds=instant.microsecond)
