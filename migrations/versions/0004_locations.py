"""Whose an upload session is, which sessions ended before they were written down, and keys that all workers share.

Additive: the version before goes on serving over these tables, and knows nothing of what is new.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add them."""
    op.add_column("uploads", sa.Column("principal", WORDS, nullable=False, server_default=sa.text("'anonymous'")))
    op.create_table(
        "ended_uploads",
        sa.Column("id", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ended_uploads"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "secrets",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_secrets"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them; Locations of open sessions are good for nothing then."""
    op.drop_table("secrets")
    op.drop_table("ended_uploads")
    op.drop_column("uploads", "principal")
