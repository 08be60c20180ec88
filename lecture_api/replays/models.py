"""Rows of replays: versions of the map, who watches, what each claim earned. They name a person by
`subject_id`.
"""

import uuid
from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base


class RecordingMap(Base):
    """One version of a recording's map onto the programme clock; append-only, the newest holds.

    `pieces` are [programme_start_ms, programme_end_ms, file_start_ms]; `excluded` are programme ranges
    that a cut took out of numerator and denominator.
    """

    __tablename__ = "recording_map"

    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    recording_id: Mapped[uuid.UUID]
    pieces: Mapped[list[list[int]]] = mapped_column(JSON)
    excluded: Mapped[list[list[int]]] = mapped_column(JSON)
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class ReplayWatch(Base):
    """One player of one person: what `progress.WatchState` remembers, and where it stands (for resuming)."""

    __tablename__ = "replay_watch"
    __table_args__ = (Index(None, "gathering_id", "subject_id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"))
    subject_id: Mapped[uuid.UUID]
    recording_id: Mapped[uuid.UUID]
    granted_at: Mapped[datetime]
    claimed_at: Mapped[datetime]
    budget_ms: Mapped[int]
    last_end_ms: Mapped[int | None] = mapped_column(BigInteger)
    last_seq: Mapped[int]
    position_ms: Mapped[int] = mapped_column(BigInteger)


class ReplayClaim(Base):
    """What one claim earned, append-only evidence: file ranges, and the wall time nobody else's replay
    stands for.

    File ranges are projected by the newest map of the same recording, so a later map re-derives them.
    """

    __tablename__ = "replay_claim"
    __table_args__ = (
        UniqueConstraint("watch_id", "seq"),
        Index(None, "gathering_id", "subject_id"),
        Index(None, "subject_id", "accepted_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    watch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("replay_watch.id"))
    seq: Mapped[int]
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"))
    subject_id: Mapped[uuid.UUID]
    recording_id: Mapped[uuid.UUID]
    map_version: Mapped[int]
    accepted: Mapped[list[list[int]]] = mapped_column(JSON)
    wall: Mapped[list[list[int]]] = mapped_column(JSON)
    refused: Mapped[int]
    accepted_at: Mapped[datetime]
