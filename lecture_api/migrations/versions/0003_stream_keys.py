"""The generation of a gathering's stream keys."""

import sqlalchemy as sa
from alembic import op

revision = "0003_stream_keys"
down_revision = "0002_learning"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # ADD COLUMN as it is, without a batch: triggers and rows of the table stay untouched.
    op.add_column("gathering", sa.Column("key_generation", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("gathering", "key_generation")
