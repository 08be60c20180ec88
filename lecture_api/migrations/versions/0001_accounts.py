"""Accounts, organisations, columns, gatherings and room events."""

import sqlalchemy as sa
from alembic import op

from lecture_api.core.append_only import append_only_ddl, drop_append_only_ddl
from lecture_api.core.column_types import UtcInstant

revision = "0001_accounts"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("attendance_policy", "gathering_transition", "end_correction", "convened_person")

_TABLES_CHILDREN_FIRST = (
    "room_event_counter",
    "room_event",
    "recording",
    "login_session",
    "gathering_transition",
    "end_correction",
    "convened_person",
    "convened_entry",
    "role_grant",
    "person_subject",
    "home_assignment",
    "gathering",
    "account",
    "topic_column",
    "sign_in_throttle",
    "service_heartbeat",
    "person",
    "organisation",
    "node_event_cursor",
    "attendance_policy",
)

# domain.md §4.4: T = 80 %, late from 60 %, grace 10 min; joints.md §8: beat_grace 20 s, 30 s bridged.
_FIRST_POLICY = """
INSERT INTO attendance_policy (version, threshold_percent, late_threshold_percent, late_grace_ms,
    leave_grace_ms, beat_grace_ms, bridge_ms, makeup_percent, makeup_days, created_at)
VALUES (1, 80, 60, 600000, 600000, 20000, 30000, 90, 30, '2026-01-01T00:00:00.000000Z')
"""

_OVERLAPS = """
SELECT RAISE(ABORT, 'home_assignment_overlaps') WHERE EXISTS (
    SELECT 1 FROM home_assignment AS other
    WHERE other.person_id = NEW.person_id AND other.id <> NEW.id
    AND (NEW.valid_to IS NULL OR other.valid_from < NEW.valid_to)
    AND (other.valid_to IS NULL OR NEW.valid_from < other.valid_to));
"""

# joints.md §12: one home branch per member at any instant, refused by the database itself.
_NO_OVERLAP = {
    "sqlite": [
        f"CREATE TRIGGER home_assignment_no_overlap_{verb.lower()} BEFORE {verb} ON home_assignment "
        f"BEGIN {_OVERLAPS} END"
        for verb in ("INSERT", "UPDATE")
    ],
    "postgresql": [
        "CREATE EXTENSION IF NOT EXISTS btree_gist",
        """ALTER TABLE home_assignment ADD CONSTRAINT home_assignment_overlaps EXCLUDE USING gist
        (person_id WITH =, daterange(valid_from, valid_to, '[)') WITH &&)""",
    ],
}


def upgrade() -> None:
    op.create_table(
        "attendance_policy",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("threshold_percent", sa.Integer(), nullable=False),
        sa.Column("late_threshold_percent", sa.Integer(), nullable=False),
        sa.Column("late_grace_ms", sa.Integer(), nullable=False),
        sa.Column("leave_grace_ms", sa.Integer(), nullable=False),
        sa.Column("beat_grace_ms", sa.Integer(), nullable=False),
        sa.Column("bridge_ms", sa.Integer(), nullable=False),
        sa.Column("makeup_percent", sa.Integer(), nullable=False),
        sa.Column("makeup_days", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_attendance_policy")),
    )
    op.create_table(
        "node_event_cursor",
        sa.Column("node_epoch", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node_epoch", name=op.f("pk_node_event_cursor")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("org_type", sa.String(), nullable=False),
        sa.Column("branch_kind", sa.String(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["organisation.id"], name=op.f("fk_organisation_parent_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("code", name=op.f("uq_organisation_code")),
    )
    op.create_index(op.f("ix_organisation_parent_id"), "organisation", ["parent_id"], unique=False)

    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("person_no_encrypted", sa.String(), nullable=False),
        sa.Column("person_no_index", sa.String(), nullable=False),
        sa.Column("person_category", sa.String(), nullable=False),
        sa.Column("membership_stage", sa.String(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("person_no_index", name=op.f("uq_person_person_no_index")),
    )
    op.create_table(
        "service_heartbeat",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_heartbeat")),
    )
    op.create_table(
        "sign_in_throttle",
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", UtcInstant(), nullable=False),
        sa.Column("last_failure_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_sign_in_throttle")),
    )
    op.create_table(
        "topic_column",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_column")),
        sa.UniqueConstraint("title", name=op.f("uq_topic_column_title")),
    )
    op.create_table(
        "account",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("one_time", sa.Boolean(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("disabled_at", UtcInstant(), nullable=True),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_account_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_account")),
    )
    op.create_table(
        "gathering",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("column_id", sa.Uuid(), nullable=True),
        sa.Column("lecturer_id", sa.Uuid(), nullable=True),
        sa.Column("host_id", sa.Uuid(), nullable=True),
        sa.Column("scheduled_start", UtcInstant(), nullable=False),
        sa.Column("scheduled_end", UtcInstant(), nullable=False),
        sa.Column("actual_start", UtcInstant(), nullable=True),
        sa.Column("actual_end", UtcInstant(), nullable=True),
        sa.Column("effective_end", UtcInstant(), nullable=True),
        sa.Column("may_watch", sa.String(), nullable=False),
        sa.Column("replay_release", sa.String(), nullable=False),
        sa.Column("credit_hundredths", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("live_sources", sa.JSON(), nullable=False),
        sa.Column("unpublished_since", UtcInstant(), nullable=True),
        sa.Column("peak_viewers", sa.Integer(), nullable=False),
        sa.Column("calendar_sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("credit_hundredths >= 0", name=op.f("ck_gathering_credit")),
        sa.CheckConstraint("scheduled_end > scheduled_start", name=op.f("ck_gathering_schedule")),
        sa.ForeignKeyConstraint(
            ["column_id"], ["topic_column.id"], name=op.f("fk_gathering_column_id_topic_column")
        ),
        sa.ForeignKeyConstraint(
            ["host_id"], ["person.id"], name=op.f("fk_gathering_host_id_person"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["lecturer_id"], ["person.id"], name=op.f("fk_gathering_lecturer_id_person"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_gathering_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(
            ["policy_version"],
            ["attendance_policy.version"],
            name=op.f("fk_gathering_policy_version_attendance_policy"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gathering")),
        sa.UniqueConstraint("code", name=op.f("uq_gathering_code")),
    )
    op.create_index(op.f("ix_gathering_column_id"), "gathering", ["column_id"], unique=False)
    op.create_index(op.f("ix_gathering_organisation_id"), "gathering", ["organisation_id"], unique=False)
    op.create_index(
        "ix_gathering_state_scheduled_start", "gathering", ["state", "scheduled_start"], unique=False
    )

    op.create_table(
        "home_assignment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_home_assignment_range")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_home_assignment_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_home_assignment_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_home_assignment")),
    )
    op.create_index(
        "ix_home_assignment_organisation_id", "home_assignment", ["organisation_id"], unique=False
    )
    op.create_index(
        "ix_home_assignment_person_id_valid_from",
        "home_assignment",
        ["person_id", "valid_from"],
        unique=False,
    )

    op.create_table(
        "person_subject",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_subject_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_person_subject")),
        sa.UniqueConstraint("person_id", name=op.f("uq_person_subject_person_id")),
    )
    op.create_table(
        "role_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", UtcInstant(), nullable=False),
        sa.Column("valid_until", UtcInstant(), nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_role_grant_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_role_grant_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.create_index(op.f("ix_role_grant_organisation_id"), "role_grant", ["organisation_id"], unique=False)
    op.create_index(op.f("ix_role_grant_person_id"), "role_grant", ["person_id"], unique=False)

    op.create_table(
        "convened_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(organisation_id IS NULL) <> (person_id IS NULL)", name=op.f("ck_convened_entry_one_of")
        ),
        sa.ForeignKeyConstraint(
            ["gathering_id"],
            ["gathering.id"],
            name=op.f("fk_convened_entry_gathering_id_gathering"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_convened_entry_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_convened_entry_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_convened_entry")),
        sa.UniqueConstraint(
            "gathering_id", "organisation_id", name=op.f("uq_convened_entry_gathering_id_organisation_id")
        ),
        sa.UniqueConstraint(
            "gathering_id", "person_id", name=op.f("uq_convened_entry_gathering_id_person_id")
        ),
    )
    op.create_table(
        "convened_person",
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("home_branch_id", sa.Uuid(), nullable=True),
        sa.Column("expected_as", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_convened_person_gathering_id_gathering")
        ),
        sa.ForeignKeyConstraint(
            ["home_branch_id"],
            ["organisation.id"],
            name=op.f("fk_convened_person_home_branch_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("gathering_id", "subject_id", name=op.f("pk_convened_person")),
    )
    op.create_index(op.f("ix_convened_person_subject_id"), "convened_person", ["subject_id"], unique=False)

    op.create_table(
        "end_correction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("effective_end", UtcInstant(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_subject_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_end_correction_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_end_correction")),
    )
    op.create_index(op.f("ix_end_correction_gathering_id"), "end_correction", ["gathering_id"], unique=False)

    op.create_table(
        "gathering_transition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("actor_subject_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_gathering_transition_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gathering_transition")),
    )
    op.create_index(
        "ix_gathering_transition_gathering_id_at",
        "gathering_transition",
        ["gathering_id", "at"],
        unique=False,
    )

    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("idle_until", UtcInstant(), nullable=False),
        sa.Column("absolute_until", UtcInstant(), nullable=False),
        sa.Column("revoked_at", UtcInstant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["account.person_id"],
            name=op.f("fk_login_session_person_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
    )
    op.create_index(op.f("ix_login_session_person_id"), "login_session", ["person_id"], unique=False)

    op.create_table(
        "recording",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("final_status", sa.JSON(), nullable=True),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("finished_at", UtcInstant(), nullable=True),
        sa.Column("published_at", UtcInstant(), nullable=True),
        sa.Column("withdrawn_at", UtcInstant(), nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["gathering_id"], ["gathering.id"], name=op.f("fk_recording_gathering_id_gathering")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("gathering_id", name=op.f("uq_recording_gathering_id")),
    )
    op.create_table(
        "room_event",
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("frame", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"],
            ["gathering.id"],
            name=op.f("fk_room_event_gathering_id_gathering"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gathering_id", "seq", name=op.f("pk_room_event")),
    )
    op.create_table(
        "room_event_counter",
        sa.Column("gathering_id", sa.Uuid(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gathering_id"],
            ["gathering.id"],
            name=op.f("fk_room_event_counter_gathering_id_gathering"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gathering_id", name=op.f("pk_room_event_counter")),
    )

    op.execute(_FIRST_POLICY)
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in append_only_ddl(table, dialect):
            op.execute(statement)
    for statement in _NO_OVERLAP[dialect]:
        op.execute(statement)


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in drop_append_only_ddl(table, dialect):
            op.execute(statement)
    for table in _TABLES_CHILDREN_FIRST:
        op.drop_table(table)
