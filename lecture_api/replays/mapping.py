"""Versions of the recording map: made from the recorder's status, stored when they differ, read back as
values.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lecture_api.gatherings.models import Gathering
from lecture_api.presence.intervals import Interval, union
from lecture_api.presence.programme import clock_pieces
from lecture_api.replays.models import RecordingMap
from lecture_api.replays.progress import MapPiece, recording_map


@dataclass(frozen=True, slots=True)
class MapVersion:
    """One stored version as a value."""

    version: int
    recording_id: uuid.UUID
    pieces: tuple[MapPiece, ...]
    excluded: tuple[Interval, ...]
    duration_ms: int


async def newest_map(db: AsyncSession, gathering_id: uuid.UUID) -> MapVersion | None:
    """Return the map in force, None before the first."""
    row = await db.scalar(
        select(RecordingMap)
        .where(RecordingMap.gathering_id == gathering_id)
        .order_by(RecordingMap.version.desc())
        .limit(1)
    )
    if row is None:
        return None
    return MapVersion(
        version=row.version,
        recording_id=row.recording_id,
        pieces=tuple(MapPiece(*piece) for piece in row.pieces),
        excluded=union((start, end) for start, end in row.excluded),
        duration_ms=row.duration_ms,
    )


async def store_map(
    db: AsyncSession, gathering: Gathering, recording_id: uuid.UUID, status: Mapping[str, Any], now: datetime
) -> MapVersion:
    """Store a version made from a recorder's status (docs/protocol/recordings.md), unless it says nothing
    new.

    Ranges that an earlier version excluded stay excluded.
    """
    recorded = [
        (piece["wall_start_ms"], piece["wall_end_ms"], piece["file_start_ms"])
        for piece in status.get("pieces", ())
    ]
    before = await newest_map(db, gathering.id)
    made = MapVersion(
        version=1 if before is None else before.version + 1,
        recording_id=recording_id,
        pieces=recording_map(recorded, await clock_pieces(db, gathering, now)),
        excluded=() if before is None else before.excluded,
        duration_ms=int(status.get("duration_ms") or 0),
    )
    if before is not None and _says_the_same(before, made):
        return before
    db.add(
        RecordingMap(
            gathering_id=gathering.id,
            version=made.version,
            recording_id=recording_id,
            pieces=[[p.programme_start_ms, p.programme_end_ms, p.file_start_ms] for p in made.pieces],
            excluded=[[start, end] for start, end in made.excluded],
            duration_ms=made.duration_ms,
            created_at=now,
        )
    )
    await db.flush()
    return made


def _says_the_same(before: MapVersion, after: MapVersion) -> bool:
    return (before.recording_id, before.pieces, before.duration_ms) == (
        after.recording_id,
        after.pieces,
        after.duration_ms,
    )
