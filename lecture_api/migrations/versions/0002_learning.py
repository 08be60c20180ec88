"""Presence, replays, records with the credit ledger, and the room's chat."""

import sqlalchemy as sa
from alembic import op

from lecture_api.core.append_only import append_only_ddl, drop_append_only_ddl
from lecture_api.core.column_types import UtcInstant

revision = "0002_learning"
down_revision = "0001_accounts"
branch_labels = None
depends_on = None

# Ledgers and maps stay for ever; evidence may expire (domain.md §5.5), but never change.
APPEND_ONLY = ("credit_entry", "credit_rule", "recording_map")
EXPIRING = ("presence_interval", "replay_claim")

_TABLES_CHILDREN_FIRST = (
    "replay_claim",
    "replay_watch",
    "recording_map",
    "self_study_declaration",
    "presence_open",
    "presence_interval",
    "credit_entry",
    "chat_mute",
    "chat_message",
    "attendance_record",
    "credit_rule",
)


def upgrade() -> None:
    op.create_table(
        "credit_rule",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("bands", sa.JSON(), nullable=False),
        sa.Column("makeup_category", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_credit_rule_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_credit_rule")),
    )
    op.create_table(
        "attendance_record",
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("attendance_status", sa.String(), nullable=False),
        sa.Column("makeup_status", sa.String(), nullable=False),
        sa.Column("proposal", sa.Boolean(), nullable=False),
        sa.Column("live_ms", sa.BigInteger(), nullable=False),
        sa.Column("bridged_ms", sa.BigInteger(), nullable=False),
        sa.Column("replay_ms", sa.BigInteger(), nullable=False),
        sa.Column("length_ms", sa.BigInteger(), nullable=False),
        sa.Column("engaged_ms", sa.BigInteger(), nullable=False),
        sa.Column("spans", sa.JSON(), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("first_seen_at", UtcInstant(), nullable=True),
        sa.Column("last_seen_at", UtcInstant(), nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("input_hash", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("computed_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_attendance_record_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("gathering_id", "subject_id", name=op.f("pk_attendance_record")),
    )
    op.create_index(
        op.f("ix_attendance_record_subject_id"), "attendance_record", ["subject_id"], unique=False
    )
    op.create_table(
        "chat_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("author_subject_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", UtcInstant(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hidden_at", UtcInstant(), nullable=True),
        sa.Column("hidden_by_subject_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_chat_message_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_message")),
        sa.UniqueConstraint(
            "gathering_id",
            "author_subject_id",
            "client_id",
            name=op.f("uq_chat_message_gathering_id_author_subject_id_client_id"),
        ),
    )
    op.create_table(
        "chat_mute",
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("muted_at", UtcInstant(), nullable=False),
        sa.Column("muted_by_subject_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_chat_mute_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("gathering_id", "subject_id", name=op.f("pk_chat_mute")),
    )
    op.create_table(
        "credit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("entry_type", sa.String(), nullable=False),
        sa.Column("reversal_of", sa.Uuid(), nullable=True),
        sa.Column("hundredths", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("rule_version", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("(entry_type = 'post') = (hundredths > 0)", name=op.f("ck_credit_entry_sign")),
        sa.CheckConstraint(
            "(entry_type = 'reversal') = (reversal_of IS NOT NULL)", name=op.f("ck_credit_entry_reversal")
        ),
        sa.CheckConstraint("entry_type IN ('post', 'reversal')", name=op.f("ck_credit_entry_entry_type")),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_credit_entry_gathering_id_gathering")
        ),
        sa.ForeignKeyConstraint(
            ["reversal_of"], ["credit_entry.id"], name=op.f("fk_credit_entry_reversal_of_credit_entry")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_entry")),
        sa.UniqueConstraint("reversal_of", name=op.f("uq_credit_entry_reversal_of")),
        sa.UniqueConstraint(
            "subject_id",
            "gathering_id",
            "generation",
            "entry_type",
            name=op.f("uq_credit_entry_subject_id_gathering_id_generation_entry_type"),
        ),
    )
    op.create_index(
        op.f("ix_credit_entry_subject_id_year"), "credit_entry", ["subject_id", "year"], unique=False
    )
    op.create_table(
        "presence_interval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("ended_at", UtcInstant(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("started_at <= ended_at", name=op.f("ck_presence_interval_ordered")),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_presence_interval_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence_interval")),
    )
    op.create_index(
        op.f("ix_presence_interval_gathering_id_subject_id"),
        "presence_interval",
        ["gathering_id", "subject_id"],
        unique=False,
    )
    op.create_table(
        "presence_open",
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("last_evidence_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_presence_open_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_presence_open")),
    )
    op.create_index(op.f("ix_presence_open_gathering_id"), "presence_open", ["gathering_id"], unique=False)
    op.create_index(
        op.f("ix_presence_open_last_evidence_at"), "presence_open", ["last_evidence_at"], unique=False
    )
    op.create_table(
        "recording_map",
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("pieces", sa.JSON(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_recording_map_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("gathering_id", "version", name=op.f("pk_recording_map")),
    )
    op.create_table(
        "replay_watch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", UtcInstant(), nullable=False),
        sa.Column("claimed_at", UtcInstant(), nullable=False),
        sa.Column("budget_ms", sa.Integer(), nullable=False),
        sa.Column("last_end_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("position_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_replay_watch_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay_watch")),
    )
    op.create_index(
        op.f("ix_replay_watch_gathering_id_subject_id"),
        "replay_watch",
        ["gathering_id", "subject_id"],
        unique=False,
    )
    op.create_table(
        "self_study_declaration",
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("declared_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_self_study_declaration_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("gathering_id", "subject_id", name=op.f("pk_self_study_declaration")),
    )
    op.create_table(
        "replay_claim",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("watch_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("map_version", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.JSON(), nullable=False),
        sa.Column("wall", sa.JSON(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("accepted_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_replay_claim_gathering_id_gathering")
        ),
        sa.ForeignKeyConstraint(
            ["watch_id"], ["replay_watch.id"], name=op.f("fk_replay_claim_watch_id_replay_watch")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay_claim")),
        sa.UniqueConstraint("watch_id", "seq", name=op.f("uq_replay_claim_watch_id_seq")),
    )
    op.create_index(
        op.f("ix_replay_claim_gathering_id_subject_id"),
        "replay_claim",
        ["gathering_id", "subject_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_replay_claim_subject_id_accepted_at"),
        "replay_claim",
        ["subject_id", "accepted_at"],
        unique=False,
    )

    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY + EXPIRING:
        for statement in append_only_ddl(table, dialect, allow_delete=table in EXPIRING):
            op.execute(statement)


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY + EXPIRING:
        for statement in drop_append_only_ddl(table, dialect, allow_delete=table in EXPIRING):
            op.execute(statement)
    for table in _TABLES_CHILDREN_FIRST:
        op.drop_table(table)
