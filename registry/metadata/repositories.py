"""Repositories by name. A row is made by the first push into a repository and goes when its last content goes."""

from sqlalchemy import bindparam, delete, exists, not_, select, union_all
from sqlalchemy.dialects import postgresql

from registry.metadata.models import manifests, repositories, repository_blobs
from registry.metadata.session import Ask, Session
from registry.metadata.statement import Statement, insert_into, limited, named

_FIND = Statement(select(repositories.c.id).where(repositories.c.name == bindparam("name")))
_INSERT = Statement(
    lambda dialect: (
        insert_into(dialect, repositories)
        .values(named(("name", "created_at")))
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(repositories.c.id)
    )
)
_NAME = bindparam("name", type_=repositories.c.name.type)
_MADE = (
    postgresql.insert(repositories)
    .from_select(
        ["name", "created_at"],
        # Not left to the conflict, which would use up an id.
        select(_NAME)
        .add_columns(bindparam("created_at", type_=repositories.c.created_at.type))
        .where(not_(exists().where(repositories.c.name == bindparam("name")))),
    )
    .on_conflict_do_nothing(index_elements=["name"])
    .returning(repositories.c.id)
    .cte("made")
)
_ENSURE = Statement(
    union_all(select(_MADE.c.id), select(repositories.c.id).where(repositories.c.name == bindparam("name")))
)
"""For PostgreSQL, in one round trip; the rows of the second half are those that were there before."""
_NAMES = Statement(
    limited(select(repositories.c.name).where(repositories.c.name > bindparam("after")).order_by(repositories.c.name))
)
_DROP = Statement(
    delete(repositories).where(
        repositories.c.id == bindparam("repository_id"),
        not_(exists().where(manifests.c.repository_id == bindparam("repository_id"))),
        not_(exists().where(repository_blobs.c.repository_id == bindparam("repository_id"))),
    )
)


def ensure(s: Session, name: str, at: int) -> int:
    """The id of the repository, which is made when it is not there."""
    if s.dialect.name == "postgresql" and (row := s.one(_ENSURE, name=name, created_at=at)):
        return int(row[0])
    found = find(s, name)
    if found is not None:
        return found
    made = s.insert(_INSERT, name=name, created_at=at)
    if made:
        return made
    raced = find(s, name)  # another writer made it between the two statements
    assert raced is not None
    return raced


def ask_id(name: str) -> Ask:
    """One row: the id of the repository."""
    return _FIND, {"name": name}


def find(s: Session, name: str) -> int | None:
    """The id of the repository, or None."""
    row = s.one(_FIND, name=name)
    return None if row is None else row[0]


def names(s: Session, after: str, limit: int) -> list[str]:
    """Names after this one, in byte order."""
    return [name for (name,) in s.all(_NAMES, after=after, limit=limit)]


def drop_if_empty(s: Session, repository_id: int) -> bool:
    """Remove a repository that holds neither manifests nor blobs; say whether it was removed."""
    return s.run(_DROP, repository_id=repository_id) > 0
