"""Accepting replay progress and reading it back: the database side of `progress.judge`.

Everything is re-derived from claims: file ranges go through the newest map of their recording.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.core.clock import epoch_ms
from lecture_api.core.ids import new_id
from lecture_api.presence.intervals import Interval
from lecture_api.replays.errors import WatchNotFoundError
from lecture_api.replays.mapping import MapVersion, newest_map
from lecture_api.replays.models import ReplayClaim, ReplayWatch
from lecture_api.replays.progress import MapPiece, ProgressRule, WatchState, fresh_wall, judge, to_programme

RULE = ProgressRule()


@dataclass(frozen=True, slots=True)
class KeptClaim:
    """What one claim was granted, as it is kept: file ranges, wall time (UTC ms), when it was accepted."""

    file: tuple[Interval, ...]
    wall: tuple[Interval, ...]
    accepted_ms: int


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """What one claim stands for today: programme ranges, wall time, when it was accepted; all UTC ms."""

    programme: tuple[Interval, ...]
    wall: tuple[Interval, ...]
    accepted_ms: int


async def open_watch(
    db: AsyncSession, gathering_id: uuid.UUID, subject_id: uuid.UUID, recording_id: uuid.UUID, now: datetime
) -> ReplayWatch:
    """Begin a player's standing: it starts with no budget, at the place where the person last was."""
    watch = ReplayWatch(
        id=new_id(),
        gathering_id=gathering_id,
        subject_id=subject_id,
        recording_id=recording_id,
        granted_at=now,
        claimed_at=now,
        budget_ms=0,
        last_end_ms=None,
        last_seq=-1,
        position_ms=await resume_position_ms(db, gathering_id, subject_id),
    )
    db.add(watch)
    await db.flush()
    return watch


async def resume_position_ms(db: AsyncSession, gathering_id: uuid.UUID, subject_id: uuid.UUID) -> int:
    """Where the person's most recently used player stood, 0 when there was none."""
    position = await db.scalar(
        select(ReplayWatch.position_ms)
        .where(ReplayWatch.gathering_id == gathering_id, ReplayWatch.subject_id == subject_id)
        .order_by(ReplayWatch.claimed_at.desc(), ReplayWatch.id.desc())
        .limit(1)
    )
    return position or 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a player says: its number, where it stands, the file ranges it played since the last claim."""

    seq: int
    position_ms: int
    segments: Sequence[tuple[int, int]]


async def accept(
    db: AsyncSession,
    *,
    gathering_id: uuid.UUID,
    subject_id: uuid.UUID,
    watch_id: uuid.UUID,
    claim: Claim,
    recording: MapVersion,
    now: datetime,
) -> tuple[Interval, ...]:
    """Judge a claim and keep what it earned; returns accepted programme ranges. A repeated `seq` changes
    nothing.

    Raises: WatchNotFoundError: the watch is not this person's in this gathering.
    """
    statement = select(ReplayWatch).where(ReplayWatch.id == watch_id).with_for_update()
    watch = await db.scalar(statement)
    if watch is None or (watch.gathering_id, watch.subject_id) != (gathering_id, subject_id):
        raise WatchNotFoundError
    if claim.seq <= watch.last_seq:
        known = await db.scalar(
            select(ReplayClaim).where(ReplayClaim.watch_id == watch_id, ReplayClaim.seq == claim.seq)
        )
        if known is not None:
            return to_programme([(start, end) for start, end in known.accepted], recording.pieces)
        # Overtaken on the way, as by the last report of a page that is being left: judged like any other.
    state = WatchState(epoch_ms(watch.claimed_at), watch.budget_ms, watch.last_end_ms)
    verdict = judge(state, epoch_ms(now), claim.segments, recording.duration_ms, RULE)
    watch.claimed_at = now
    watch.budget_ms = verdict.state.budget_ms
    watch.last_end_ms = verdict.state.last_end_ms
    if claim.seq > watch.last_seq:
        watch.last_seq = claim.seq
        watch.position_ms = max(0, min(claim.position_ms, recording.duration_ms))
    if verdict.accepted or verdict.refused:
        elsewhere = await _wall_elsewhere(db, subject_id, gathering_id, verdict.wall, now)
        db.add(
            ReplayClaim(
                id=new_id(),
                watch_id=watch_id,
                seq=claim.seq,
                gathering_id=gathering_id,
                subject_id=subject_id,
                recording_id=recording.recording_id,
                map_version=recording.version,
                accepted=[list(span) for span in verdict.accepted],
                wall=[list(span) for span in fresh_wall(verdict.wall, elsewhere)] if verdict.accepted else [],
                refused=len(verdict.refused),
                accepted_at=now,
            )
        )
    await db.flush()
    return to_programme(verdict.accepted, recording.pieces)


async def replay_of(
    db: AsyncSession, gathering_id: uuid.UUID, subjects: Iterable[uuid.UUID] | None = None
) -> dict[uuid.UUID, tuple[ReplayRange, ...]]:
    """Return all accepted replay of a gathering by person, oldest first; who never played is missing."""
    recording = await newest_map(db, gathering_id)
    if recording is None:
        return {}
    kept = await claims_of(db, gathering_id, recording.recording_id, subjects)
    found = {subject: ranges_of(claims, recording.pieces) for subject, claims in kept.items()}
    return {subject: ranges for subject, ranges in found.items() if ranges}


def ranges_of(claims: Iterable[KeptClaim], pieces: Sequence[MapPiece]) -> tuple[ReplayRange, ...]:
    """Carry claims onto the programme clock by one version of the map; what it lacks is left out. Pure."""
    ranges = (ReplayRange(to_programme(kept.file, pieces), kept.wall, kept.accepted_ms) for kept in claims)
    return tuple(item for item in ranges if item.programme)


async def claims_of(
    db: AsyncSession,
    gathering_id: uuid.UUID,
    recording_id: uuid.UUID,
    subjects: Iterable[uuid.UUID] | None = None,
) -> dict[uuid.UUID, tuple[KeptClaim, ...]]:
    """Return the claims on one recording as they are kept, by person, oldest first."""
    # Columns, not rows: a long replay has hundreds of claims.
    statement = (
        select(ReplayClaim.subject_id, ReplayClaim.accepted, ReplayClaim.wall, ReplayClaim.accepted_at)
        .where(ReplayClaim.gathering_id == gathering_id, ReplayClaim.recording_id == recording_id)
        .order_by(ReplayClaim.accepted_at, ReplayClaim.id)
    )
    if subjects is not None:
        statement = statement.where(ReplayClaim.subject_id.in_(list(subjects)))
    found: dict[uuid.UUID, list[KeptClaim]] = defaultdict(list)
    for subject_id, accepted, wall, accepted_at in await db.execute(statement):
        file = tuple(Interval(start, end) for start, end in accepted)
        spans = tuple(Interval(start, end) for start, end in wall)
        found[subject_id].append(KeptClaim(file, spans, epoch_ms(accepted_at)))
    return {subject: tuple(claims) for subject, claims in found.items()}


async def _wall_elsewhere(
    db: AsyncSession, subject_id: uuid.UUID, gathering_id: uuid.UUID, wall: Interval, now: datetime
) -> list[tuple[int, int]]:
    """Wall time that replays of *other* gatherings of this person already stand for."""
    # A claim's wall ends at its acceptance and is at most max_gap long, so older rows cannot overlap.
    since = now - timedelta(milliseconds=wall.length + 2 * RULE.max_gap_ms)
    rows = await db.scalars(
        select(ReplayClaim.wall).where(
            ReplayClaim.subject_id == subject_id,
            ReplayClaim.gathering_id != gathering_id,
            ReplayClaim.accepted_at >= since,
        )
    )
    return [(start, end) for spans in rows for start, end in spans]
