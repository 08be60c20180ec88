"""Rows of records: the result for each convened person, the ledger of credit, declarations, credit rules.

They name a person only by `subject_id`. The ledger is append-only: a mistake is reversed by a further row.
"""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base


class AttendanceRecord(Base):
    """What the pure functions say of one convened person, with the policy version and the hash of their
    input.
    """

    __tablename__ = "attendance_record"
    __table_args__ = (Index(None, "subject_id"),)

    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    attendance_status: Mapped[str]
    makeup_status: Mapped[str]
    proposal: Mapped[bool]
    live_ms: Mapped[int] = mapped_column(BigInteger)
    bridged_ms: Mapped[int] = mapped_column(BigInteger)
    replay_ms: Mapped[int] = mapped_column(BigInteger)
    length_ms: Mapped[int] = mapped_column(BigInteger)
    engaged_ms: Mapped[int] = mapped_column(BigInteger)
    spans: Mapped[list[list[Any]]] = mapped_column(JSON)
    """[kind, start_ms, end_ms] on the programme clock."""
    why: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    first_seen_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    policy_version: Mapped[int]
    input_hash: Mapped[str]
    reason: Mapped[str]
    computed_at: Mapped[datetime]


class CreditEntry(Base):
    """One row of the ledger. `hundredths` is negative in a reversal.

    `generation` counts the reversals before: with the unique constraint, a gathering is never credited
    twice to one person unless the credit before it was reversed.
    """

    __tablename__ = "credit_entry"
    __table_args__ = (
        UniqueConstraint("subject_id", "gathering_id", "generation", "entry_type"),
        UniqueConstraint("reversal_of"),
        CheckConstraint("entry_type IN ('post', 'reversal')", name="entry_type"),
        CheckConstraint("(entry_type = 'reversal') = (reversal_of IS NOT NULL)", name="reversal"),
        CheckConstraint("(entry_type = 'post') = (hundredths > 0)", name="sign"),
        Index(None, "subject_id", "year"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID]
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"))
    generation: Mapped[int]
    entry_type: Mapped[str]
    reversal_of: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("credit_entry.id"))
    hundredths: Mapped[int]
    category: Mapped[str]
    source: Mapped[str]
    year: Mapped[int]
    organisation_id: Mapped[uuid.UUID | None]
    rule_version: Mapped[str]
    reason: Mapped[str]
    recorded_at: Mapped[datetime]


class CreditRuleVersion(Base):
    """One organisation's conversion of length into hours from a day on; immutable. No organisation:
    everybody's.
    """

    __tablename__ = "credit_rule"

    version: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    valid_from: Mapped[date]
    bands: Mapped[list[list[int]]] = mapped_column(JSON)
    """[from_ms, hundredths], ascending."""
    makeup_category: Mapped[str]
    recorded_at: Mapped[datetime]


class SelfStudyDeclaration(Base):
    """A watcher who was not convened says: this was my 理论自学. Until then nobody else sees the progress."""

    __tablename__ = "self_study_declaration"

    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    declared_at: Mapped[datetime]
