"""The tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.BigInteger()


def upgrade() -> None:
    """Make them."""
    _contents()
    _references()
    _sessions()
    _log()


def downgrade() -> None:
    """Remove them, those that refer to others first."""
    for table in (
        "probes",
        "jobs",
        "event_cursors",
        "events",
        "uploads",
        "tag_history",
        "tags",
        "manifest_references",
        "manifests",
        "repository_blobs",
        "blobs",
        "repositories",
    ):
        op.drop_table(table)


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, WORDS, nullable=nullable, server_default=None if default is None else sa.text(default))


def _number(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, TIME, nullable=nullable, server_default=None if default is None else sa.text(default))


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, KEY, nullable=False)


def _foreign(table: str, column: str, parent: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def _contents() -> None:
    op.create_table(
        "repositories",
        _key("id"),
        _text("name"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_repositories"),
        sa.UniqueConstraint("name", name="uq_repositories_name"),
    )
    op.create_table(
        "blobs",
        _key("id"),
        _text("digest"),
        _number("size"),
        _text("state"),
        _text("reason", default="''"),
        _number("created_at"),
        _number("changed_at"),
        _number("read_at"),
        _number("verified_at"),
        sa.PrimaryKeyConstraint("id", name="pk_blobs"),
        sa.UniqueConstraint("digest", name="uq_blobs_digest"),
        sa.CheckConstraint("state IN ('present', 'quarantined')", name=op.f("ck_blobs_state")),
    )
    _partial_index("ix_blobs_read", "blobs", ["read_at"], "state = 'present' AND read_at > verified_at")
    _partial_index("ix_blobs_verified", "blobs", ["verified_at"], "state = 'present'")
    op.create_table(
        "manifests",
        _key("id"),
        _key("repository_id"),
        _text("digest"),
        _text("media_type"),
        _number("size"),
        _text("subject", nullable=True),
        _text("artifact_type"),
        _text("annotations"),
        _number("created_at"),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_manifests"),
        sa.UniqueConstraint("repository_id", "digest", name="uq_manifests_repository_id_digest"),
        _foreign("manifests", "repository_id", "repositories"),
    )
    _partial_index("ix_manifests_referrers", "manifests", ["repository_id", "subject", "digest"], "subject IS NOT NULL")


def _references() -> None:
    op.create_table(
        "repository_blobs",
        _key("repository_id"),
        _key("blob_id"),
        _number("linked_at"),
        sa.PrimaryKeyConstraint("repository_id", "blob_id", name="pk_repository_blobs"),
        _foreign("repository_blobs", "repository_id", "repositories"),
        _foreign("repository_blobs", "blob_id", "blobs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_repository_blobs_blob_id", "repository_blobs", ["blob_id"])
    op.create_table(
        "manifest_references",
        _key("manifest_id"),
        _text("kind"),
        _text("digest"),
        sa.PrimaryKeyConstraint("manifest_id", "kind", "digest", name="pk_manifest_references"),
        _foreign("manifest_references", "manifest_id", "manifests", "CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_manifest_references_digest", "manifest_references", ["digest"])
    op.create_table(
        "tags",
        _key("repository_id"),
        _text("name"),
        _key("manifest_id"),
        _number("updated_at"),
        sa.PrimaryKeyConstraint("repository_id", "name", name="pk_tags"),
        _foreign("tags", "repository_id", "repositories"),
        _foreign("tags", "manifest_id", "manifests", "CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tags_manifest_id", "tags", ["manifest_id"])
    op.create_table(
        "tag_history",
        _key("id"),
        _text("repository"),
        _text("tag"),
        _text("digest"),
        _text("previous"),
        _number("at"),
        _text("actor"),
        sa.PrimaryKeyConstraint("id", name="pk_tag_history"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tag_history_repository_tag_id", "tag_history", ["repository", "tag", "id"])


def _sessions() -> None:
    op.create_table(
        "uploads",
        _text("id"),
        _text("repository"),
        _text("client"),
        _text("algorithm"),
        _number("offset"),
        _text("state"),
        _number("started_at"),
        _number("updated_at"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_uploads_client", "uploads", ["client"])
    op.create_index("ix_uploads_updated_at", "uploads", ["updated_at"])
    op.create_table(
        "jobs",
        _key("id"),
        _text("kind"),
        _text("payload"),
        _number("every_ms", nullable=True),
        _number("run_at"),
        _text("owner", default="''"),
        _number("leased_until", default="0"),
        _number("attempts", default="0"),
        _text("error", default="''"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_kind_run_at", "jobs", ["kind", "run_at"])
    _partial_index("uq_jobs_recurring", "jobs", ["kind"], "every_ms IS NOT NULL", unique=True)


def _log() -> None:
    op.create_table(
        "events",
        _key("id"),
        _number("at"),
        _text("kind"),
        _text("repository"),
        _text("digest"),
        _text("tag"),
        _text("media_type"),
        _number("size"),
        _text("actor"),
        _text("request_id"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "event_cursors",
        _text("name"),
        _number("event_id"),
        sa.PrimaryKeyConstraint("name", name="pk_event_cursors"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "probes",
        _text("name"),
        _number("at"),
        sa.PrimaryKeyConstraint("name", name="pk_probes"),
        sqlite_with_rowid=False,
    )


def _partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
