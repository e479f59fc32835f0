"""What is done with upload sessions in the background: they are written down, and removed when they are idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from registry.metadata.clock import now_ms
from registry.metadata.uploads import UploadRow
from registry.oci.errors import BlobUploadUnknown, TooManyRequests
from registry.services.actor import SYSTEM
from registry.services.uploads.life import Life
from registry.services.uploads.ownership import Ownership
from registry.services.uploads.partial import PartialFiles
from registry.services.uploads.session import UploadSession
from registry.services.uploads.table import SessionTable
from storage.content import ContentStore
from storage.errors import StorageError

T = TypeVar("T")

log = logging.getLogger(__name__)

STIR_MS = 500
"""After which a request that is still writing says so in the session's row."""

FORGET_MS = 600_000
"""After which a worker forgets a session that is written down; its row is found again."""


class Upkeep:
    """Of the sessions of one worker."""

    def __init__(
        self,
        table: SessionTable,
        partials: PartialFiles,
        ownership: Ownership,
        content: ContentStore,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._table = table
        self._partials = partials
        self._ownership = ownership
        self._content = content
        self._pool = pool

    async def expire(self, before: int, limit: int) -> list[UploadRow]:
        """Remove sessions not touched since `before` (ms), their bytes too; those removed."""
        return await self.remove(await self._table.expired(before, limit), before)

    async def remove(self, rows: list[UploadRow], before: int) -> list[UploadRow]:
        """Those of the sessions that were removed, as no request has touched them since."""
        removed = []
        for row in rows:
            session = self._table.of_row(row)
            if session.busy or session.touched_at >= before:
                continue  # not idle at all, whatever its row says
            with suppress(TooManyRequests, BlobUploadUnknown):  # another worker writes to it, or has removed it
                async with session.lock:
                    await self._ownership.take(session)
                    try:
                        if await self._remove_idle(session, before):
                            removed.append(row)
                    except StorageError as error:  # one that cannot be removed must not keep the others
                        log.warning("an expired upload of %s cannot be removed yet: %s", row.repository, error)
                    finally:
                        await self._ownership.give_back(session)
        return removed

    async def _remove_idle(self, session: UploadSession, before: int) -> bool:
        """Remove it if it is still to expire now that it is locked: a chunk may have come since its row was read."""
        try:
            ingest = await self._run(lambda: self._partials.begin(session, _anywhere, SYSTEM))
        except BlobUploadUnknown:
            await self._table.forget(session)
            return True
        row = await self._table.row(session)
        if session.touched_at >= before or (row is not None and row.updated_at >= before):
            session.state = await self._run(ingest.suspend)
            return False
        await self._run(ingest.cancel)
        await self._run(lambda: self._content.discard(session.linked))
        await self._table.forget(session)
        return True

    async def is_due(self) -> bool:
        """Whether `flush` would do anything."""
        idle = now_ms() - FORGET_MS
        return any(
            one.busy or one.dirty or one.leased or not one.in_rows or one.touched_at < idle for one in self._table
        )

    async def flush(self) -> None:
        """Write down the sessions that have changed; and forget those that no request has used for long."""
        now = now_ms()
        self._table.recount()
        await self._table.forget_ends()
        await self._table.drop_ended()
        self._partials.recount({session.id for session in self._table})
        await self._ownership.renew()
        for session in self._table:
            if session.busy and session.in_rows and not session.leased and session.touched_at < now - STIR_MS:
                session.touch()  # or another worker takes it for an idle one
        changed = [session for session in self._table if session.dirty and not session.leased]
        for session in changed:
            if session.life is Life.BUFFERED and not session.busy:
                async with session.lock:
                    with suppress(TooManyRequests):  # another worker goes on with it, and writes it down
                        await self._run(lambda session=session: self._spill(session))  # type: ignore[misc]
        await self._table.store([session for session in changed if self._table.may_be_stored(session)])
        for session in self._table:
            idle = session.touched_at < now - FORGET_MS and not session.busy
            if idle and session.in_rows and not session.dirty:
                self._table.drop(session)

    def _spill(self, session: UploadSession) -> None:
        if session.life is Life.BUFFERED:
            self._partials.spill(session)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _anywhere(offset: int) -> None:
    """Any offset is right."""
