"""The tables, and why each index is there.

    repositories --< manifests --< manifest_references     manifests keep their bytes; references name digests
         |     `---< tags >-- manifests                     a tag goes with the manifest it points at
         `---< repository_blobs >-- blobs                   a repository sees a blob because this row exists
    deleted_manifests --< deleted_references               what was deleted, for a while; by its repository's name
    tag_history  uploads  ended_uploads  events  event_cursors  jobs  probes  secrets

A blob is visible in a repository when its row in `repository_blobs` is there and the blob's state is 'present'. That
row also says until when a push may rely on it (`leased_until`).

What is deleted is moved to tables of its own, where no query of what is served can meet it: the name and the digest are
free again at once, lists are not longer for it, and the version before, which shares these tables during an upgrade,
does not see it either. A deleted tag needs none: `tag_history` says when it went, and from which digest.
Times are whole milliseconds since the epoch. Text compares byte by byte in every database, because the order of names
in pages is the byte order. Rows that are small and have a natural key live in the tree of that key (WITHOUT ROWID on
SQLite); the payload of a manifest is the last column of its row, so that reading the others does not touch it.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

PRESENT = "present"
QUARANTINED = "quarantined"
IS_PRESENT: ColumnElement[str] = literal_column("'present'")
IS_QUARANTINED: ColumnElement[str] = literal_column("'quarantined'")

Key = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER names the rowid there
Words = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

repositories = Table(
    "repositories",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("name"),  # the catalog is read straight off this index
)

blobs = Table(
    "blobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("digest", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Words, nullable=False),
    Column("reason", Words, nullable=False, server_default=text("''")),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("read_at", BigInteger, nullable=False),
    Column("verified_at", BigInteger, nullable=False),
    Column("place", Words, nullable=False, server_default=text("''")),  # "" is the path of its digest
    UniqueConstraint("digest"),
    CheckConstraint("state IN ('present', 'quarantined')", name="state"),
)
# The two orders in which blobs are checked again. Each is walked from one end and stops at the limit.
READ_SINCE_VERIFIED = text("state = 'present' AND read_at > verified_at")
Index(
    "ix_blobs_read",
    blobs.c.read_at,
    sqlite_where=READ_SINCE_VERIFIED,
    postgresql_where=READ_SINCE_VERIFIED,
)
STATE_PRESENT = text("state = 'present'")
Index("ix_blobs_verified", blobs.c.verified_at, sqlite_where=STATE_PRESENT, postgresql_where=STATE_PRESENT)
HAS_PLACE = text("place != ''")  # whose bytes lie there: asked before bytes without a row are removed
Index("ix_blobs_place", blobs.c.place, sqlite_where=HAS_PLACE, postgresql_where=HAS_PLACE)

repository_blobs = Table(
    "repository_blobs",
    metadata,
    Column("repository_id", Key, ForeignKey("repositories.id"), primary_key=True),
    Column("blob_id", Key, ForeignKey("blobs.id"), primary_key=True),
    Column("linked_at", BigInteger, nullable=False),
    Column("leased_until", BigInteger, nullable=False, server_default=text("0")),
    Index(None, "blob_id"),  # mount from anywhere
    sqlite_with_rowid=False,
)

manifests = Table(
    "manifests",
    metadata,
    Column("id", Key, primary_key=True),
    Column("repository_id", Key, ForeignKey("repositories.id"), nullable=False),
    Column("digest", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("subject", Words),
    Column("artifact_type", Words, nullable=False),
    Column("annotations", Words, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("repository_id", "digest"),
)
HAS_SUBJECT = text("subject IS NOT NULL")
Index(
    "ix_manifests_referrers",
    manifests.c.repository_id,
    manifests.c.subject,
    manifests.c.digest,
    sqlite_where=HAS_SUBJECT,
    postgresql_where=HAS_SUBJECT,
)

manifest_references = Table(
    "manifest_references",
    metadata,
    Column("manifest_id", Key, ForeignKey("manifests.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Index(None, "digest"),  # who refers to this child
    sqlite_with_rowid=False,
)

deleted_manifests = Table(  # by the repository's name: it outlives the repository
    "deleted_manifests",
    metadata,
    Column("id", Key, primary_key=True),
    Column("repository", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("subject", Words),
    Column("artifact_type", Words, nullable=False),
    Column("annotations", Words, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger, nullable=False),
    Column("actor", Words, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index(None, "repository", "digest"),  # to bring one back
    Index(None, "deleted_at"),  # to prune
    sqlite_autoincrement=True,
)

deleted_references = Table(
    "deleted_references",
    metadata,
    Column("manifest_id", Key, ForeignKey("deleted_manifests.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Index(None, "digest"),  # what a deleted manifest still needs
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    Column("repository_id", Key, ForeignKey("repositories.id"), primary_key=True),
    Column("name", Words, primary_key=True),
    Column("manifest_id", Key, ForeignKey("manifests.id", ondelete="CASCADE"), nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "manifest_id"),
    sqlite_with_rowid=False,
)

tag_history = Table(  # by the repository's name: it outlives the repository
    "tag_history",
    metadata,
    Column("id", Key, primary_key=True),
    Column("repository", Words, nullable=False),
    Column("tag", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("previous", Words, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Words, nullable=False),
    Index(None, "repository", "tag", "id"),
    sqlite_autoincrement=True,
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Words, primary_key=True),
    Column("repository", Words, nullable=False),
    Column("client", Words, nullable=False),
    Column("algorithm", Words, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("state", Words, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("owner", Words, nullable=False, server_default=text("''")),
    Column("leased_until", BigInteger, nullable=False, server_default=text("0")),
    Column("principal", Words, nullable=False, server_default=text("'anonymous'")),
    Index(None, "client"),
    Index(None, "updated_at"),
    sqlite_with_rowid=False,
)

ended_uploads = Table(  # sessions that ended young, maybe without ever having had a row; an id begins with its time
    "ended_uploads",
    metadata,
    Column("id", Words, primary_key=True),
    sqlite_with_rowid=False,
)

events = Table(  # an id is never used again, so that a cursor stays true when old events are removed
    "events",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Words, nullable=False),
    Column("repository", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("tag", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("actor", Words, nullable=False),
    Column("request_id", Words, nullable=False),
    sqlite_autoincrement=True,
)

event_cursors = Table(
    "event_cursors",
    metadata,
    Column("name", Words, primary_key=True),
    Column("event_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("payload", Words, nullable=False),
    Column("every_ms", BigInteger),
    Column("run_at", BigInteger, nullable=False),
    Column("owner", Words, nullable=False, server_default=text("''")),
    Column("leased_until", BigInteger, nullable=False, server_default=text("0")),
    Column("attempts", BigInteger, nullable=False, server_default=text("0")),
    Column("error", Words, nullable=False, server_default=text("''")),
    Index(None, "kind", "run_at"),
    sqlite_autoincrement=True,
)
IS_RECURRING = text("every_ms IS NOT NULL")
Index("uq_jobs_recurring", jobs.c.kind, unique=True, sqlite_where=IS_RECURRING, postgresql_where=IS_RECURRING)

probes = Table(
    "probes",
    metadata,
    Column("name", Words, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", Words, nullable=False),
    sqlite_with_rowid=False,
)
