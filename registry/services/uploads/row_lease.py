"""Ownership by a lease in the session's row, where the storage has no locks.

A request that writes takes the lease, the worker renews it while the body comes in, and the statement that records how
far the session came gives it back. The row is the truth; a worker that could not write it forgets what it knew.
Replicas compare the time of a lease with their own clocks, which must not differ by more than `LAPSE_MS` less
`RENEW_MS`.
"""

from __future__ import annotations

import asyncio

from registry.metadata import uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.services.uploads.session import UploadSession, busy
from registry.services.uploads.table import SessionTable

LAPSE_MS = 15_000
"""After which a lease that was not renewed is over: its holder is dead."""

RENEW_MS = 5_000
"""After which a lease is renewed."""

LOOK_SECONDS = 0.05
"""Between two looks at a row."""


class RowLease:
    """An Ownership."""

    def __init__(self, database: Database, table: SessionTable) -> None:
        self._database = database
        self._table = table
        table.lease_ms = lambda: LAPSE_MS

    async def take(self, session: UploadSession) -> None:
        if not session.in_rows:
            return
        upload, repository, me = session.id, session.row.repository, self._table.worker
        now = now_ms()
        row = await self._database.write(
            lambda s: uploads.take(s, upload, repository, me, now, now + LAPSE_MS), durable=False
        )
        if row is None:
            if await self._table.row(session) is not None:
                raise busy()
            self._table.drop(session)
            raise session.unknown()
        session.leased, session.leased_until = True, now + LAPSE_MS
        session.touched_at = max(session.touched_at, row.updated_at)
        if row.state != session.written:
            session.read(row)

    async def give_back(self, session: UploadSession) -> None:
        if not session.leased:
            return
        try:
            await self._table.store([session])
        except Exception:  # it lapses by itself
            self._table.drop(session)

    async def renew(self) -> None:
        now = now_ms()
        due = [one for one in self._table if one.leased and one.leased_until - LAPSE_MS + RENEW_MS < now]
        if not due:
            return
        ids, me = [session.id for session in due], self._table.worker
        await self._database.write(lambda s: uploads.renew(s, ids, me, now + LAPSE_MS), durable=False)
        for session in due:
            session.leased_until = now + LAPSE_MS

    async def settled(self, session: UploadSession) -> None:
        while session.in_rows and not session.leased:
            row = await self._table.row(session)
            if row is None or row.owner in ("", self._table.worker) or row.leased_until < now_ms():
                return
            await asyncio.sleep(LOOK_SECONDS)
