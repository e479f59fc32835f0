"""Deleted manifests, kept for a while, and until when what a push relies on is leased.

Additive: the version before goes on serving over these tables, and knows nothing of what is new. What it deletes is not
kept, and what it pushes has no lease.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them."""
    op.add_column(
        "repository_blobs", sa.Column("leased_until", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.create_table(
        "deleted_manifests",
        sa.Column("id", KEY, nullable=False),
        sa.Column("repository", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("media_type", WORDS, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("subject", WORDS),
        sa.Column("artifact_type", WORDS, nullable=False),
        sa.Column("annotations", WORDS, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", WORDS, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deleted_manifests"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deleted_manifests_repository_digest", "deleted_manifests", ["repository", "digest"])
    op.create_index("ix_deleted_manifests_deleted_at", "deleted_manifests", ["deleted_at"])
    op.create_table(
        "deleted_references",
        sa.Column("manifest_id", KEY, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("manifest_id", "kind", "digest", name="pk_deleted_references"),
        sa.ForeignKeyConstraint(
            ["manifest_id"],
            ["deleted_manifests.id"],
            name="fk_deleted_references_manifest_id",
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_deleted_references_digest", "deleted_references", ["digest"])


def downgrade() -> None:
    """Drop them; what was deleted is gone then."""
    op.drop_table("deleted_references")
    op.drop_table("deleted_manifests")
    op.drop_column("repository_blobs", "leased_until")
