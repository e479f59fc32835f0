"""Where bytes lie on storage that cannot rename, and who writes to an upload session.

Additive: the version before goes on serving over these tables, and knows nothing of the new columns.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

COLUMNS = (("blobs", "place"), ("uploads", "owner"), ("uploads", "leased_until"))


def upgrade() -> None:
    """Add them."""
    for table, name in COLUMNS:
        kind, default = (sa.BigInteger(), "0") if name == "leased_until" else (WORDS, "''")
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=sa.text(default)))
    has_place = sa.text("place != ''")
    op.create_index("ix_blobs_place", "blobs", ["place"], sqlite_where=has_place, postgresql_where=has_place)


def downgrade() -> None:
    """Drop them; what lies at a place of its own is not found any more."""
    op.drop_index("ix_blobs_place", "blobs")
    for table, name in reversed(COLUMNS):
        op.drop_column(table, name)
