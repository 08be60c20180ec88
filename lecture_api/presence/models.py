"""Rows of presence. They name a person only by `subject_id` (joints §11) and only people who are counted at
all.
"""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base


class PresenceOpen(Base):
    """A connection that is believed alive: grows with evidence, vanishes when its interval closes."""

    __tablename__ = "presence_open"
    __table_args__ = (Index(None, "gathering_id"), Index(None, "last_evidence_at"))

    connection_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"))
    subject_id: Mapped[uuid.UUID]
    source: Mapped[str]
    started_at: Mapped[datetime]
    last_evidence_at: Mapped[datetime]


class PresenceInterval(Base):
    """Canonical evidence: one closed, unbridged, half-open interval of one connection. Append-only; may
    expire.
    """

    __tablename__ = "presence_interval"
    __table_args__ = (
        CheckConstraint("started_at <= ended_at", name="ordered"),
        Index(None, "gathering_id", "subject_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"))
    subject_id: Mapped[uuid.UUID]
    connection_id: Mapped[uuid.UUID]
    source: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    cause: Mapped[str]
    recorded_at: Mapped[datetime]
