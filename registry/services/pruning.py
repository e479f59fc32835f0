"""Removes from the index what is kept only for a while: events that all have followed, manifests that were deleted.

It never removes an event that a cursor has not passed, nor any while a follower of this version has not begun. A
deleted manifest is out of sight from the moment of its delete; what is removed here is the means to bring it back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from registry.metadata import events, manifests
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session

ROWS = 1000
"""Removed in one transaction at most: others write too."""


class Pruning:
    """Keeps events for `events_seconds` after every one of `followers` has passed them, deleted manifests for
    `deleted_seconds`.
    """

    def __init__(
        self, database: Database, followers: Sequence[str], *, events_seconds: float, deleted_seconds: float
    ) -> None:
        self._database = database
        self._followers = followers
        self._events_ms = int(events_seconds * 1000)
        self._deleted_ms = int(deleted_seconds * 1000)

    async def is_due(self) -> bool:
        """Whether there is anything to remove."""
        deleted = await self._database.read(manifests.oldest_deleted_at)
        if deleted is not None and deleted < now_ms() - self._deleted_ms:
            return True
        oldest = await self._database.read(events.oldest)
        if oldest is None or oldest.at >= now_ms() - self._events_ms:
            return False
        return oldest.id <= await self._passed()

    async def run(self) -> None:
        """Remove all of it."""
        through, now = await self._passed(), now_ms()
        await self._all(lambda session: events.prune(session, through, now - self._events_ms, ROWS))
        await self._all(lambda session: manifests.prune_deleted(session, now - self._deleted_ms, ROWS))

    async def _all(self, prune: Callable[[Session], int]) -> None:
        while await self._database.write(prune, durable=False):
            pass

    async def _passed(self) -> int:
        """The id of the last event that is not needed."""
        for name in self._followers:
            if await self._database.read(lambda session: events.cursor(session, name)) is None:  # noqa: B023 - run at once
                return 0
        return await self._database.read(events.passed)
