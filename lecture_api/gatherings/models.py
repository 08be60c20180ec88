"""Tables of gatherings: the gathering, its timeline, who is expected, its recording, the policy it is
judged by."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lecture_api.core.database import Base
from lecture_api.core.ids import new_id


class AttendancePolicy(Base):
    """By what a gathering's attendance is judged (domain.md §4.4). Rows are immutable; a change is a new
    version."""

    __tablename__ = "attendance_policy"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    threshold_percent: Mapped[int]
    late_threshold_percent: Mapped[int]
    late_grace_ms: Mapped[int]
    leave_grace_ms: Mapped[int]
    beat_grace_ms: Mapped[int]
    bridge_ms: Mapped[int]
    makeup_percent: Mapped[int]
    makeup_days: Mapped[int]
    created_at: Mapped[datetime]


class Gathering(Base):
    """Something convened. One row from draft to archive; its timeline is in GatheringTransition.

    `actual_end` is the instant of End; `effective_end` the corrected one, when host or secretary corrected
    it.
    `live_sources` lists media sessions that publish now, as {session id: source}. `key_generation` rises when
    stream keys are revoked.
    """

    __tablename__ = "gathering"
    __table_args__ = (
        CheckConstraint("scheduled_end > scheduled_start", name="schedule"),
        CheckConstraint("credit_hundredths >= 0", name="credit"),
        Index("ix_gathering_state_scheduled_start", "state", "scheduled_start"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[str]
    state: Mapped[str]
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    column_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("topic_column.id"), index=True)
    lecturer_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    host_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    scheduled_start: Mapped[datetime]
    scheduled_end: Mapped[datetime]
    actual_start: Mapped[datetime | None]
    actual_end: Mapped[datetime | None]
    effective_end: Mapped[datetime | None]
    may_watch: Mapped[str]
    replay_release: Mapped[str]
    credit_hundredths: Mapped[int] = mapped_column(default=0)
    policy_version: Mapped[int] = mapped_column(ForeignKey("attendance_policy.version"), default=1)
    state_reason: Mapped[str | None] = mapped_column(Text)
    live_sources: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    unpublished_since: Mapped[datetime | None]
    peak_viewers: Mapped[int] = mapped_column(default=0)
    calendar_sequence: Mapped[int] = mapped_column(default=0)
    key_generation: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime]


class GatheringTransition(Base):
    """One row of the timeline, append-only: from `at` on, `state` (TimelineState) holds. Ordered by (at,
    id)."""

    __tablename__ = "gathering_transition"
    __table_args__ = (Index("ix_gathering_transition_gathering_id_at", "gathering_id", "at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"))
    at: Mapped[datetime]
    state: Mapped[str]
    cause: Mapped[str]
    """start, publisher_gone, publisher_live, break, continue, end, automatic_end, resume, service_gap, …"""
    actor_subject_id: Mapped[uuid.UUID | None]
    recorded_at: Mapped[datetime]


class EndCorrection(Base):
    """A corrected effective end, with who and why; append-only, the newest holds."""

    __tablename__ = "end_correction"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"), index=True)
    effective_end: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    actor_subject_id: Mapped[uuid.UUID]
    recorded_at: Mapped[datetime]


class ConvenedEntry(Base):
    """Who is convened, as the host entered it: an organisation with all at home there and below, or one
    person."""

    __tablename__ = "convened_entry"
    __table_args__ = (
        CheckConstraint("(organisation_id IS NULL) <> (person_id IS NULL)", name="one_of"),
        UniqueConstraint("gathering_id", "organisation_id"),
        UniqueConstraint("gathering_id", "person_id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id", ondelete="CASCADE"))
    organisation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))


class ConvenedPerson(Base):
    """The snapshot of the expected at the first Start, by subject id, with home branch; append-only
    (joints.md §10)."""

    __tablename__ = "convened_person"

    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, index=True)
    home_branch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("organisation.id"))
    expected_as: Mapped[str]
    """member | lecturer"""
    recorded_at: Mapped[datetime]


class Recording(Base):
    """The recording of a gathering: at most one; a resumed gathering continues it. Only recorded kinds
    have one."""

    __tablename__ = "recording"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    gathering_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gathering.id"), unique=True)
    state: Mapped[str]
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    final_status: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The recordings service's final status (pieces, gaps, renditions), from which the replay's map is
    made."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)


class NodeEventCursor(Base):
    """Up to which event of a media node's epoch everything is committed: makes ingestion idempotent."""

    __tablename__ = "node_event_cursor"

    node_epoch: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)


class ServiceHeartbeat(Base):
    """The last instant the API is known to have worked: one row; where a service gap begins."""

    __tablename__ = "service_heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
