"""Lists of names: tags of a repository, repositories (distribution spec, "Listing tags"; `_catalog` is docker's)."""

from __future__ import annotations

from dataclasses import dataclass

from registry.metadata import repositories, tags
from registry.metadata.database import Database
from registry.oci.errors import NameUnknown


@dataclass(frozen=True, slots=True)
class Page:
    """Names in byte order; `more` when the list goes on after the last."""

    names: list[str]
    more: bool


async def tag_page(database: Database, repository: str, after: str, limit: int) -> Page:
    """At most `limit` tags after `after`. Raises NameUnknown."""
    found = await database.read(lambda session: tags.names(session, repository, after, limit + 1))
    if not found and await database.read(lambda session: repositories.find(session, repository)) is None:
        raise NameUnknown(f"repository {repository} is not known here", {"name": repository})
    return Page(found[:limit], len(found) > limit > 0)


async def repository_page(database: Database, after: str, limit: int) -> Page:
    found = await database.read(lambda session: repositories.names(session, after, limit + 1))
    return Page(found[:limit], len(found) > limit > 0)
