"""Noted reads and leases: what GETs and HEADs leave to be written down in batches, so that none of them costs a write.

Of a blob that was read: when, for the check of stored bytes. Of a blob whose presence a HEAD confirmed: a lease, as the
client may act on that answer, leave the blob out of its push and name it in a manifest later.

A confirmation is never dropped while the process lives: when many have come they are written at once, and those of a
write that failed are written with the next. A kill loses those of the last INTERVAL_SECONDS; so whatever collects blobs
has to wait for longer than that between finding one unused and taking it. To note something costs a tenth of a
microsecond, and the same blob confirmed again and again is written once in half a lease ("blob, HEAD" in
docs/benchmarks.md is without any write).
"""

from __future__ import annotations

import asyncio

from registry.metadata import blobs
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session

INTERVAL_SECONDS = 10.0
"""Between two writes, at most."""

MOST_READS = 10_000
"""Digests remembered between two writes; the check of stored bytes starts with them, and can do without some."""

MANY_CONFIRMED = 10_000
"""Confirmations that are not left to wait."""

BATCH = 500
"""Rows in one transaction at most: others write too."""

Confirmed = tuple[str, str]
"""A repository and a digest."""


class Noted:
    """Of one worker. All but `flush` is called on its event loop and does not wait."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_ms = int(lease_seconds * 1000)
        self._flushing: asyncio.Task[None] | None = None
        self.reads: set[str] = set()
        self.confirmed: set[Confirmed] = set()

    def read(self, digest: str) -> None:
        """A blob was read."""
        if len(self.reads) < MOST_READS:
            self.reads.add(digest)

    def confirm(self, blob: Confirmed) -> None:
        """A HEAD has confirmed to a client that the repository has the blob."""
        self.confirmed.add(blob)
        if len(self.confirmed) >= MANY_CONFIRMED and (self._flushing is None or self._flushing.done()):
            self._flushing = asyncio.get_running_loop().create_task(self.flush())

    async def flush(self) -> None:
        """Write down what was noted. Raises DatabaseError; nothing that matters is lost then."""
        reads, self.reads = list(self.reads), set()
        confirmed, self.confirmed = list(self.confirmed), set()
        while reads or confirmed:
            some, leased = reads[:BATCH], confirmed[:BATCH]

            def write(session: Session, some: list[str] = some, leased: list[Confirmed] = leased) -> None:
                now = now_ms()
                for digest in some:
                    blobs.touch_read(session, digest, now)
                for repository, digest in leased:
                    blobs.lease(session, repository, digest, now, now + self._lease_ms)

            try:
                await self._database.write(write, durable=False)
            except BaseException:
                self.confirmed.update(confirmed)
                raise
            del reads[:BATCH], confirmed[:BATCH]
