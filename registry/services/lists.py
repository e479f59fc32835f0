"""Lists (distribution spec, "Listing tags", "Listing referrers"; `_catalog` is docker's), page by page as JSON.

A short page is read and written at once. One that may be long is made in a thread, and a page of referrers ends also
where it has `PAGE_BYTES`: annotations are of any length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from registry.metadata import repositories, tags
from registry.metadata.database import Database, Session
from registry.oci.errors import NameUnknown
from registry.services import referrers
from registry.services.actor import Actor
from storage.digest import Digest

T = TypeVar("T")

SHORT_PAGE = 1000
"""Names that are read on the event loop."""

THREADS = 2
"""Long pages that are made at the same time: each may take several times `PAGE_BYTES`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent, with its digest; the list goes on after `last` unless that is empty."""

    document: bytes
    digest: str
    last: str


class Lists:
    """Pages of at most `page_size` entries."""

    def __init__(self, database: Database, page_size: int) -> None:
        self.page_size = page_size
        self._database = database
        self._threads = ThreadPoolExecutor(THREADS, "lists")

    async def tags(self, repository: str, after: str, limit: int, actor: Actor) -> Page:
        """At most `limit` tags after `after`, in byte order. Raises NameUnknown."""

        def find(session: Session) -> Page | None:
            names = tags.names(session, repository, after, limit + 1)
            if not names and repositories.find(session, repository) is None:
                return None
            return _names(names, limit, lambda some: {"name": repository, "tags": some})

        page = await self._read(find, limit)
        if page is None:
            raise NameUnknown(f"repository {repository} is not known here", {"name": repository})
        return page

    async def repositories(self, after: str, limit: int, actor: Actor) -> Page:
        """At most `limit` repositories after `after`, in byte order."""

        def find(session: Session) -> Page:
            names = repositories.names(session, after, limit + 1)
            return _names(names, limit, lambda some: {"repositories": some})

        return await self._read(find, limit)

    async def referrers(self, asked: referrers.Asked, actor: Actor) -> Page:
        """At most `asked.limit` manifests that name its subject, or that its fallback tag lists, by their digests."""
        rows = await self._database.read(lambda session: referrers.few(session, asked))
        if rows is not None:
            return _page(*referrers.document(rows, asked.limit))
        page: Page = await self._in_thread(lambda session: _page(*referrers.many(session, asked)))
        return page

    async def _read(self, find: Callable[[Session], T], limit: int) -> T:
        return await (self._database.read(find) if limit <= SHORT_PAGE else self._in_thread(find))

    async def _in_thread(self, find: Callable[[Session], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._database.read_now, find)


def _names(names: Sequence[str], limit: int, document: Callable[[Sequence[str]], object]) -> Page:
    shown = names[:limit]
    return _page(msgspec.json.encode(document(shown)), shown[-1] if len(names) > limit > 0 else "")


def _page(document: bytes, last: str) -> Page:
    return Page(document, str(Digest.of(document)), last)
