"""The upload sessions that this worker knows, and their rows: written down, looked up, leased.

A local partial file's lock admits one writer. Other storage has no locks: where it is shared, a request that writes
leases the session in its row, renews that while its body comes in, and gives it back with the same statement that
records how far it came. The row is the truth there; a worker that could not write it forgets what it knew. Replicas
compare the time of a lease with their own clocks, which must not differ by more than `LAPSE` less `RENEW`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator

from registry.metadata import uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.uploads import UploadRow
from registry.services.session import Live, busy, is_new, is_of_another_boot, unknown

LOOK = 0.05
"""Seconds between two looks for a row."""

LAPSE = 15_000
"""Milliseconds after which a lease that was not renewed is over: its holder is dead."""

RENEW = 5_000
"""Milliseconds after which a lease is renewed."""


class Ledger:
    """`shared`: other workers serve sessions too, once they are written down. `local`: the storage has locks."""

    def __init__(self, database: Database, *, shared: bool, local: bool) -> None:
        self._database = database
        self._shared = shared
        self._local = local
        self._leases = shared and not local
        self._owner = secrets.token_hex(8)
        self._live: dict[str, Live] = {}
        self._unstored: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()
        """Sessions in rows, by client, as they were counted since the last `recount`."""

    def __iter__(self) -> Iterator[Live]:
        return iter(list(self._live.values()))  # a copy, as it changes meanwhile

    # What this worker knows

    def add(self, live: Live) -> None:
        """Know a new session."""
        self._live[live.row.id] = live
        self._unstored[live.row.client] += 1

    def knows(self, live: Live) -> bool:
        return self._live.get(live.row.id) is live

    def known(self, row: UploadRow) -> Live:
        """The session of a row, as this worker knows it or as the row says."""
        return self._live.setdefault(row.id, Live.stored(row, local=self._local))

    def others_may_know(self, live: Live) -> bool:
        """Whether another worker may be serving it too."""
        return self._shared and live.in_rows

    def may_be_stored(self, live: Live) -> bool:
        """Whether to write it down: not when it is ending, nor to others while its bytes are in this memory."""
        return self.knows(live) and not live.ending and not (self._shared and live.held)

    def drop(self, live: Live) -> None:
        """It is over, or not this worker's to know; its row, if there was one, is no business of this."""
        if self._live.pop(live.row.id, None) is not None and not live.in_rows:
            self._stored(live)
        live.leased = False

    # Rows

    async def is_full(self, client: str, most: int) -> bool:
        """Whether the client has `most` sessions open; those of other workers as of the last `recount`."""
        if client in self._counted and self._counted[client] + self._unstored[client] < most:
            return False
        self._counted[client] = await self._database.read(lambda session: uploads.count_for(session, client))
        return self._counted[client] + self._unstored[client] >= most

    def recount(self) -> None:
        """Count again from now on. Other workers' sessions are not known before they are written down anyway."""
        self._counted.clear()

    async def find(self, repository: str, upload: str, *, to_write: bool = False) -> Live:
        """The session as it is now; `to_write` leaves to `lease` what others have done. Raises BlobUploadUnknown."""
        live = self._live.get(upload)
        if live is None or (self.others_may_know(live) and not (to_write and self._leases)):
            row = await self._row_of(repository, upload)
            if row is None or (self._local and is_of_another_boot(row)):
                self._live.pop(upload, None)
                raise unknown(repository, upload)
            live = self._live.get(upload)  # again: requests that came at once must not each have one of their own
            if live is None or (self._has_moved(live, row) and not live.busy):
                live = self._live[upload] = Live.stored(row, local=self._local)
        if live.row.repository != repository:
            raise unknown(repository, upload)
        return live

    def _has_moved(self, live: Live, row: UploadRow) -> bool:
        return row.offset != live.state.offset if self._local else row.state != live.written

    async def _row_of(self, repository: str, upload: str) -> UploadRow | None:
        """Its row; if others may be about to write it down, they are waited for."""
        while True:
            row = await self._database.read(lambda session: uploads.find(session, upload, repository))
            if row is not None or not self._shared or not is_new(upload):
                return row
            await asyncio.sleep(LOOK)

    async def row(self, live: Live) -> UploadRow | None:
        return await self._database.read(lambda session: uploads.find(session, live.row.id, live.row.repository))

    async def expired(self, before: int, limit: int) -> list[UploadRow]:
        return await self._database.read(lambda session: uploads.expired(session, before, limit))

    async def settle(self, live: Live) -> None:
        """Write it down when others know of it, or could see its file, or when its state is all there is."""
        if (self._shared or not self._local) and (live.in_rows or live.on_disk):
            await self.store([live])

    async def announce(self, live: Live) -> None:
        """Write it down before something that may take long: others must be able to tell of it."""
        if (self._shared or not self._local) and not live.in_rows and self.knows(live):
            await self.store([live])

    async def store(self, sessions: list[Live]) -> None:
        """Their rows, as they are now. Leases end with that, but for new sessions. Raises TooManyRequests."""
        rows = [self._as_written(live) for live in sessions]
        if not rows:
            return

        def write(session: Session) -> list[str]:
            lost = []
            for _, new, row in rows:
                if new:
                    uploads.create(session, row, self._owner)
                elif not uploads.advance(session, row.id, row.offset, row.state, row.updated_at, row.owner):
                    lost.append(row.id)
            return lost

        try:
            lost = await self._database.write(write, durable=False)
        except BaseException:
            for live, new, _ in rows:
                self._unwritten(live, new)
            raise
        for live, _, row in rows:
            live.written = row.state
        gone = [live for live, _, row in rows if row.owner and row.id in lost]
        for live in gone:
            self.drop(live)
        if gone:
            raise busy()

    def _as_written(self, live: Live) -> tuple[Live, bool, UploadRow]:
        """A session, whether it is new to the rows, and its row; from now on it is taken as written down."""
        new, row = not live.in_rows, live.as_row()
        live.dirty = False
        if new:
            self._stored(live)
            live.leased, live.leased_until = self._leases and live.busy, now_ms() + LAPSE
        if live.leased:
            row = row._replace(owner=self._owner, leased_until=live.leased_until)
        live.leased = live.leased and new
        return live, new, row

    def _stored(self, live: Live) -> None:
        live.in_rows = True
        if live.row.client in self._counted:
            self._counted[live.row.client] += 1
        self._unstored[live.row.client] -= 1
        if not self._unstored[live.row.client]:
            del self._unstored[live.row.client]

    def _unwritten(self, live: Live, new: bool) -> None:
        if not new and self._leases:
            self.drop(live)
            return
        live.dirty = True
        live.leased = False
        if new:
            live.in_rows = False
            self._unstored[live.row.client] += 1

    async def forget(self, live: Live, *, durable: bool = False) -> None:
        """It is over; its row goes, `durable` where a client is told so."""
        in_rows = live.in_rows
        self.drop(live)
        if in_rows:
            await self._database.write(lambda session: uploads.delete(session, live.row.id), durable=durable)

    # Leases

    async def lease(self, live: Live) -> None:
        """Be the one that writes to it, where that takes a lease. Raises TooManyRequests, BlobUploadUnknown."""
        if not self._leases or not live.in_rows:
            return
        upload, repository = live.row.id, live.row.repository
        now = now_ms()
        row = await self._database.write(
            lambda session: uploads.take(session, upload, repository, self._owner, now, now + LAPSE), durable=False
        )
        if row is None:
            if await self.row(live) is not None:
                raise busy()
            self.drop(live)
            raise unknown(repository, upload)
        live.leased, live.leased_until = True, now + LAPSE
        live.touched_at = max(live.touched_at, row.updated_at)
        if row.state != live.written:
            live.read(row)

    async def give_back(self, live: Live) -> None:
        """End the lease, if it has one, with what is known of the session. Never raises: a lease lapses by itself."""
        if not live.leased:
            return
        try:
            await self.store([live])
        except Exception:
            self.drop(live)

    async def renew(self) -> None:
        """Renew the leases of the sessions that are written to, those that are due."""
        now = now_ms()
        due = [live for live in self._live.values() if live.leased and live.leased_until - LAPSE + RENEW < now]
        if not due:
            return

        ids = [live.row.id for live in due]
        await self._database.write(
            lambda session: uploads.renew_all(session, ids, self._owner, now + LAPSE), durable=False
        )
        for live in due:
            live.leased_until = now + LAPSE

    async def settled(self, live: Live) -> None:
        """Wait for the end of what another worker is writing to it."""
        while self._leases and live.in_rows and not live.leased:
            row = await self.row(live)
            if row is None or row.owner in ("", self._owner) or row.leased_until < now_ms():
                return
            await asyncio.sleep(LOOK)
