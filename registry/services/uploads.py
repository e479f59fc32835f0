"""Upload sessions: blobs on their way in (distribution spec, "Pushing blobs").

    POST          a session, no bytes yet
    PATCH ...     bytes appended to a partial file, the digest so far kept with the session
    PUT           the rest of the bytes; verified, made durable, published, then the repository is given the blob
    DELETE, or expiry: bytes and session go

The partial file's size is the offset, whatever the row says; its lock (the driver's) admits one writer at a time, over
all workers, and is free again when its holder dies. A crash may lose a session, never an acknowledged blob; so rows are
written without waiting for the disk, and a session is written down only when it has lived for a moment (`flush`), its
first small chunk with it. Most are over before that. Until then its worker alone knows it: another one that is asked
for it waits for that moment. From then on any worker serves it, and each step is written down at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from registry.metadata import uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.uploads import UploadRow
from registry.oci.errors import BlobUploadInvalid, BlobUploadUnknown, DigestInvalid, TooManyRequests
from registry.services.actor import Actor
from registry.services.body import Body
from registry.services.partial import Partials
from registry.services.publish import Publisher
from registry.services.session import (
    Live,
    busy,
    check_order,
    held,
    is_id,
    is_new,
    is_of_another_boot,
    location,
    new_id,
    unknown,
)
from storage.content import ContentStore, Ingest
from storage.digest import ALGORITHMS, Digest
from storage.errors import DigestMismatch

__all__ = ["Uploads", "held", "is_id", "location"]

T = TypeVar("T")

SMALL = 256 * 1024
"""A body up to this many bytes is read whole and written in one go: one hop to a thread instead of several."""

SETTLE = 1.0
"""Seconds for which a status waits for a request that is still writing."""

STIR = 500
"""Milliseconds after which a request that is still writing says so in the session's row."""

LOOK = 0.05
"""Seconds between two looks for its row."""

IDLE = 600_000
"""Milliseconds after which a worker forgets a session that is written down; its row is found again."""


class Uploads:
    """The sessions of one worker. `shared`: other workers serve them too, once they are written down.

    `count` is told of every request that begins (1) and ends (-1) to write to one.
    """

    def __init__(
        self,
        database: Database,
        content: ContentStore,
        publisher: Publisher,
        pool: ThreadPoolExecutor,
        *,
        per_client: int,
        shared: bool,
        count: Callable[[int], None],
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._pool = pool
        self._per_client = per_client
        self._shared = shared
        self._count = count
        self._live: dict[str, Live] = {}
        self._unstored: Counter[str] = Counter()
        self._partials = Partials(content)

    async def start(self, repository: str, algorithm: str, actor: Actor) -> str:
        """Open a session; its id. Raises DigestInvalid, TooManyRequests."""
        if algorithm not in ALGORITHMS:
            known = ", ".join(ALGORITHMS)
            raise DigestInvalid(f"digest algorithm {algorithm[:40]} is not supported, use one of {known}")
        stored = await self._database.read(lambda session: uploads.count_for(session, actor.client))
        if stored + self._unstored[actor.client] >= self._per_client:
            raise TooManyRequests(
                f"{actor.client} has {self._per_client} uploads open, finish or cancel some first",
                headers={"retry-after": "30"},
            )
        live = Live(_row(repository, algorithm, actor))
        self._live[live.row.id] = live
        self._unstored[actor.client] += 1
        await self._settle(live)
        return live.row.id

    async def offset(self, repository: str, upload: str) -> int:
        """How many bytes the session holds. Raises BlobUploadUnknown."""
        live = await self._find(repository, upload)
        if live.busy:
            # A client asks after its connection broke: let what arrived before that be counted.
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE), live.lock:
                    pass
        if live.held:
            return len(live.held)
        size = await self._run(lambda: self._partials.size(live))
        if not size and live.state.offset and not live.busy:
            raise unknown(repository, upload)  # its bytes are lost, or another worker's closing request has them
        return size

    async def append(self, repository: str, upload: str, body: Body, span: tuple[int, int] | None) -> int:
        """Append a chunk; the new offset. `span` is its Content-Range. Raises RangeInvalid, BlobUploadInvalid."""
        live = await self._find(repository, upload)
        async with self._writing(live):
            _check_length(body, span)
            if body.length is not None and body.length <= SMALL:
                await self._append_small(live, await body.read(SMALL), span)
            else:
                ingest = await self._receive(live, body, span)
                live.state = await self._run(ingest.suspend)
        live.touch()
        await self._settle(live)
        return live.offset

    async def finish(
        self, repository: str, upload: str, digest: Digest, body: Body, span: tuple[int, int] | None, actor: Actor
    ) -> int:
        """Append what the closing request brings, verify, publish; the blob's size. Raises DigestInvalid too."""
        live = await self._find(repository, upload)
        async with self._writing(live):
            _check_length(body, span)
            try:
                size = await self._close(live, digest, body, span, actor)
            except DigestMismatch as error:
                await self._forget(live)
                raise DigestInvalid(f"the upload's bytes are {error.actual}, not {digest}; start again") from error
        self._drop(live)
        return size

    async def cancel(self, repository: str, upload: str) -> None:
        """Raises BlobUploadUnknown, TooManyRequests while a request is writing to it."""
        live = await self._find(repository, upload)
        async with self._writing(live):
            await self._remove(live)

    async def monolithic(self, repository: str, digest: Digest, body: Body, actor: Actor) -> int:
        """A blob in a single POST; its size. No session that anybody could come back to."""
        live = Live(_row(repository, digest.algorithm, actor))
        self._count(1)
        try:
            return await self._close(live, digest, body, None, actor)
        except BaseException as error:
            if live.on_disk:
                await asyncio.shield(self._run(lambda: self._partials.open(live).cancel()))
            if isinstance(error, DigestMismatch):
                raise DigestInvalid(f"the body's bytes are {error.actual}, not {digest}") from error
            raise
        finally:
            self._count(-1)

    async def expire(self, before: int, limit: int) -> list[UploadRow]:
        """Remove sessions not touched since `before` (ms), their bytes too; those removed."""
        rows = await self._database.read(lambda session: uploads.expired(session, before, limit))
        removed = []
        for row in rows:
            live = self._live.get(row.id) or Live.stored(row)
            if live.busy or live.touched_at >= before:
                continue  # not idle at all, whatever its row says
            with suppress(TooManyRequests):  # another worker writes to it
                async with live.lock:
                    if await self._remove_idle(live, before):
                        removed.append(row)
        return removed

    async def _remove_idle(self, live: Live, before: int) -> bool:
        """Remove it if it is still to expire now that it is locked: a chunk may have come since its row was read."""
        try:
            ingest = await self._run(lambda: self._partials.open(live))
        except BlobUploadUnknown:
            await self._forget(live)
            return True
        row = await self._database.read(lambda session: uploads.find(session, live.row.id, live.row.repository))
        if live.touched_at >= before or (row is not None and row.updated_at >= before):
            live.state = await self._run(ingest.suspend)
            return False
        await self._run(ingest.cancel)
        await self._forget(live)
        return True

    async def flush(self) -> None:
        """Write down the sessions that have changed; and forget those that nobody has used for long."""
        late = now_ms() - STIR
        for live in self._live.values():
            if live.busy and live.in_rows and live.touched_at < late:
                live.touch()  # or another worker takes it for one that nobody uses
        changed = [live for live in self._live.values() if live.dirty]
        for live in changed:
            if live.held and not live.busy:
                async with live.lock:
                    if live.held:
                        await self._run(lambda live=live: self._partials.spill(live))  # type: ignore[misc]
        await self._store([live for live in changed if self._may_be_known(live)])
        idle = now_ms() - IDLE
        for live in [live for live in self._live.values() if live.touched_at < idle]:
            if live.in_rows and not live.dirty and not live.busy:
                del self._live[live.row.id]

    def _may_be_known(self, live: Live) -> bool:
        """Whether to write it down: not when it is ending, nor to others while its bytes are in this memory."""
        return live.row.id in self._live and not live.ending and not (self._shared and live.held)

    def _is_known(self, live: Live) -> bool:
        """Whether another worker may be serving it too."""
        return self._shared and live.in_rows

    # Bytes

    async def _append_small(self, live: Live, data: bytes, span: tuple[int, int] | None) -> None:
        if self._partials.can_hold(live, len(data)) and not self._is_known(live):
            check_order(live, len(live.held), span)
            self._partials.hold(live, live.held + data)
        else:
            await self._run(lambda: self._partials.append(live, span, data))

    async def _receive(self, live: Live, body: Body, span: tuple[int, int] | None) -> Ingest:
        """Append the body; the session's ingest, still open. On any failure what arrived stays with the session."""
        if self._shared and not live.in_rows and live.row.id in self._live:
            await self._store([live])  # this may take long: others must be able to tell of it
        ingest = await self._run(lambda: self._partials.begin(live, span))
        try:
            await body.take(ingest.write)
        except BaseException:
            live.state = await asyncio.shield(self._run(ingest.suspend))
            live.touch()
            raise
        return ingest

    async def _close(self, live: Live, digest: Digest, body: Body, span: tuple[int, int] | None, actor: Actor) -> int:
        """Append the body, verify and publish. On failure the bytes stay, unless they have another digest."""
        repository = live.row.repository
        if body.length is not None and body.length <= SMALL:
            data = await body.read(SMALL)
            # Another worker may have begun the file since: what is known here is not all there is.
            elsewhere = self._is_known(live) and self._partials.size(live) > 0
            if not live.on_disk and not elsewhere:
                check_order(live, len(live.held), span)
                with self._ending(live) as upload:
                    whole = live.held + data
                    return await self._publisher.publish_bytes(repository, digest, whole, actor, upload)
            ingest = await self._run(lambda: self._partials.begin(live, span, data))
        else:
            ingest = await self._receive(live, body, span)
        try:
            with self._ending(live) as upload:
                return await self._publisher.publish(repository, digest, ingest, actor, upload)
        except BaseException:
            live.state = await asyncio.shield(self._run(ingest.suspend))
            live.touch()
            raise

    async def _remove(self, live: Live) -> None:
        """Bytes and session."""
        if live.on_disk or self._is_known(live):
            ingest = await self._run(lambda: self._partials.open(live))
            await self._run(ingest.cancel)
        await self._forget(live)

    # Sessions

    @asynccontextmanager
    async def _writing(self, live: Live) -> AsyncIterator[None]:
        """One request at a time; a second is told so, at once. What the worker itself does with it is waited for."""
        if live.busy:
            raise busy()
        live.busy = True
        self._count(1)
        try:
            async with live.lock:
                if self._live.get(live.row.id) is not live:
                    raise unknown(live.row.repository, live.row.id)  # expired while we waited
                yield
        finally:
            self._count(-1)
            live.busy = False

    @contextmanager
    def _ending(self, live: Live) -> Iterator[str | None]:
        """While its bytes are published: the id of its row, if it has one, which then ends with it."""
        live.ending = True
        try:
            yield live.row.id if live.in_rows else None
        except BaseException:
            live.ending = False
            raise

    async def _find(self, repository: str, upload: str) -> Live:
        live = self._live.get(upload)
        if live is None or self._is_known(live):
            row = await self._row_of(repository, upload)
            if row is None or is_of_another_boot(row):
                self._live.pop(upload, None)
                raise unknown(repository, upload)
            if live is None or (row.offset != live.state.offset and not live.busy):
                live = Live.stored(row)
                self._live[upload] = live
        if live.row.repository != repository:
            raise unknown(repository, upload)
        return live

    async def _row_of(self, repository: str, upload: str) -> UploadRow | None:
        """Its row; if others may be about to write it down, they are waited for."""
        while True:
            row = await self._database.read(lambda session: uploads.find(session, upload, repository))
            if row is not None or not self._shared or not is_new(upload):
                return row
            await asyncio.sleep(LOOK)

    async def _settle(self, live: Live) -> None:
        """Write it down when others know of it, or could see its file."""
        if self._shared and (live.in_rows or live.on_disk):
            await self._store([live])

    async def _store(self, sessions: list[Live]) -> None:
        """Their rows, as they are now."""
        rows = [(live, live.in_rows, live.as_row()) for live in sessions]

        def write(session: Session) -> None:
            for _, in_rows, row in rows:
                if in_rows:
                    uploads.advance(session, row.id, row.offset, row.state, row.updated_at)
                else:
                    uploads.create(session, row)

        if not rows:
            return
        for live, in_rows, _ in rows:
            live.dirty = False
            if not in_rows:
                self._stored(live)
        try:
            await self._database.write(write, durable=False)
        except BaseException:
            for live, in_rows, _ in rows:
                live.dirty = True
                if not in_rows:
                    live.in_rows = False
                    self._unstored[live.row.client] += 1
            raise

    def _stored(self, live: Live) -> None:
        live.in_rows = True
        self._unstored[live.row.client] -= 1
        if not self._unstored[live.row.client]:
            del self._unstored[live.row.client]

    def _drop(self, live: Live) -> None:
        """It is over; its row, if there was one, is gone or going."""
        if self._live.pop(live.row.id, None) is not None and not live.in_rows:
            self._stored(live)
        self._partials.hold(live, b"")

    async def _forget(self, live: Live) -> None:
        in_rows = live.in_rows
        self._drop(live)
        if in_rows:
            await self._database.write(lambda session: uploads.delete(session, live.row.id), durable=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _row(repository: str, algorithm: str, actor: Actor) -> UploadRow:
    now = now_ms()
    return UploadRow(new_id(), repository, actor.client, algorithm, 0, "", now, now)


def _check_length(body: Body, span: tuple[int, int] | None) -> None:
    if span is not None and body.length is not None and span[1] - span[0] + 1 != body.length:
        raise BlobUploadInvalid(
            f"the chunk has {body.length} bytes, its Content-Range says {span[1] - span[0] + 1}",
        )
