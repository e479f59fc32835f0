"""Upload sessions: blobs on their way in (distribution spec, "Pushing blobs").

    POST          a session, no bytes yet
    PATCH ...     bytes appended to a partial file, the digest so far kept with the session
    PUT           the rest of the bytes; verified, made durable, published, then the repository is given the blob
    or PUT that adopts: a program of this machine has put the whole file in, which is read and not copied
    DELETE, or expiry: bytes and session go

The partial file's size is the offset, whatever the row says; its lock (the driver's) admits one writer at a time, over
all workers, and is free again when its holder dies. A crash may lose a session, never an acknowledged blob; so rows are
written without waiting for the disk, and a session is written down only when it has lived for a moment (`flush`), its
first small chunk with it. Most are over before that. Until then its worker alone knows it: another one that is asked
for it waits for that moment. From then on any worker serves it, and each step is written down at once.

Where the storage is not local, there is no file to ask and none to lock: the row is the truth, and leases in the rows
admit one writer (ledger.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.metadata.uploads import UploadRow
from registry.oci.errors import BlobUploadInvalid, BlobUploadUnknown, DigestInvalid, TooManyRequests
from registry.services.actor import Actor
from registry.services.body import Body
from registry.services.ledger import LOOK, Ledger
from registry.services.partial import Partials
from registry.services.publish import Publisher
from registry.services.session import (
    Live,
    busy,
    check_order,
    held,
    is_id,
    location,
    new_id,
    unknown,
)
from storage.content import ContentStore, Ingest
from storage.digest import ALGORITHMS, Digest
from storage.driver import Root
from storage.errors import DigestMismatch, NotFound, StorageError, Unfit

__all__ = ["Uploads", "held", "is_id", "location"]

T = TypeVar("T")

log = logging.getLogger(__name__)

SMALL = 256 * 1024
"""A body up to this many bytes is read whole and written in one go: one hop to a thread instead of several."""

SETTLE = 1.0
"""Seconds for which a status waits for a request that is still writing."""

STIR = 500
"""Milliseconds after which a request that is still writing says so in the session's row."""

IDLE = 600_000
"""Milliseconds after which a worker forgets a session that is written down; its row is found again."""


class Uploads:
    """The sessions of one worker. `shared`: other workers serve them too, once they are written down.

    `count` is told of every request that begins (1) and ends (-1) to write to one. `links`: whether files that programs
    of this machine put in are taken.
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
        links: bool,
        count: Callable[[int], None],
    ) -> None:
        self._content = content
        self._publisher = publisher
        self._pool = pool
        self._per_client = per_client
        self._count = count
        self._links = links
        self.used: Callable[[], None] = _nothing
        """Is called when a session begins, and when a request begins to write to one."""
        self._ledger = Ledger(database, shared=shared, local=content.local)
        self._partials = Partials(content)

    async def start(self, repository: str, algorithm: str, actor: Actor) -> str:
        """Open a session; its id. Raises DigestInvalid, TooManyRequests."""
        if algorithm not in ALGORITHMS:
            known = ", ".join(ALGORITHMS)
            raise DigestInvalid(f"digest algorithm {algorithm[:40]} is not supported, use one of {known}")
        if await self._ledger.is_full(actor.client, self._per_client):
            raise TooManyRequests(
                f"{actor.client} has {self._per_client} uploads open, finish or cancel some first",
                headers={"retry-after": "30"},
            )
        live = Live(_row(repository, algorithm, actor))
        self._ledger.add(live)
        self.used()
        await self._ledger.settle(live)
        return live.row.id

    async def offset(self, repository: str, upload: str) -> int:
        """How many bytes the session holds. Raises BlobUploadUnknown."""
        live = await self._ledger.find(repository, upload)
        # A client asks after its connection broke: let what arrived before that be counted.
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE):
                if live.busy:
                    async with live.lock:
                        pass
                await self._ledger.settled(live)
                while not live.busy and self._ledger.others_may_know(live):
                    if not await self._run(lambda: self._partials.is_taken(live)):
                        break
                    await asyncio.sleep(LOOK)
        if not self._content.local and not live.busy:
            live = await self._ledger.find(repository, upload)
        if live.held:
            return len(live.held)
        size = await self._run(lambda: self._partials.size(live))
        if not size and live.state.offset and not live.busy:
            raise unknown(repository, upload)  # its bytes are lost, or another worker's closing request has them
        return size

    async def append(self, repository: str, upload: str, body: Body, span: tuple[int, int] | None, actor: Actor) -> int:
        """Append a chunk; the new offset. `span` is its Content-Range. Raises RangeInvalid, BlobUploadInvalid."""
        live = await self._ledger.find(repository, upload, to_write=True)
        async with self._writing(live, actor):
            _check_length(body, span)
            if _is_small(body):
                await self._append_small(live, await body.read(SMALL), span, actor)
            else:
                ingest = await self._receive(live, body, span, actor)
                live.state = await self._run(ingest.suspend)
            live.touch()
            await self._ledger.settle(live)
        return live.offset

    async def finish(
        self, repository: str, upload: str, digest: Digest, body: Body, span: tuple[int, int] | None, actor: Actor
    ) -> int:
        """Append what the closing request brings, verify, publish; the blob's size. Raises DigestInvalid too."""
        live = await self._ledger.find(repository, upload, to_write=True)
        async with self._writing(live, actor):
            _check_length(body, span)
            try:
                size = await self._close(live, digest, body, span, actor)
            except DigestMismatch as error:
                await self._ledger.forget(live)
                raise DigestInvalid(f"the upload's bytes are {error.actual}, not {digest}; start again") from error
            self._drop(live)
        return size

    def ingest_folder(self) -> Root | None:
        """The root of the storage that files can be put in, see storage/paths.py; None where none are taken."""
        return self._content.open_ingest_folder() if self._links else None

    async def adopt(self, repository: str, upload: str, digest: Digest, actor: Actor) -> int:
        """Verify and publish the file that was put in for the session, which holds no bytes itself; the blob's size.

        Raises BlobUploadInvalid when there is none that can be taken: the session goes on. Raises DigestInvalid.
        """
        live = await self._ledger.find(repository, upload, to_write=True)
        async with self._writing(live, actor):
            if not self._links:
                raise BlobUploadInvalid("this registry takes no files (storage.links), send the bytes")
            if live.held or await self._run(lambda: self._partials.size(live)) > 0:
                raise BlobUploadInvalid("the upload holds bytes already, send the rest")
            await self._ledger.announce(live)
            actor.check_here()
            try:
                with self._ending(live) as row:
                    size = await self._publisher.adopt(repository, digest, live.linked, actor, row)
            except (NotFound, Unfit) as error:
                raise BlobUploadInvalid(f"there is no file to take for this upload: {error}") from error
            except DigestMismatch as error:
                await self._ledger.forget(live)
                raise DigestInvalid(f"the file's bytes are {error.actual}, not {digest}; start again") from error
            self._drop(live)
        return size

    async def cancel(self, repository: str, upload: str, actor: Actor) -> None:
        """Raises BlobUploadUnknown, TooManyRequests while a request is writing to it."""
        live = await self._ledger.find(repository, upload, to_write=True)
        async with self._writing(live, actor):
            await self._remove(live, actor)

    async def monolithic(self, repository: str, digest: Digest, body: Body, actor: Actor) -> int:
        """A blob in a single POST; its size. No session that anybody could come back to."""
        live = Live(_row(repository, digest.algorithm, actor), busy=True)
        if not self._content.local and not _is_small(body):
            self._ledger.add(live)  # so that its bytes are known to be somebody's
            self.used()
        self._count(1)
        try:
            size = await self._close(live, digest, body, None, actor)
            self._drop(live)
            return size
        except BaseException as error:
            await asyncio.shield(self._give_up(live))
            if isinstance(error, DigestMismatch):
                raise DigestInvalid(f"the body's bytes are {error.actual}, not {digest}") from error
            raise
        finally:
            self._count(-1)

    async def _give_up(self, live: Live) -> None:
        """Remove what nobody can come back to; what cannot be removed now, expiry will."""
        try:
            if live.on_disk:
                await self._run(lambda: self._partials.open(live).cancel())
            await self._ledger.forget(live)
        finally:
            self._drop(live)

    async def expire(self, before: int, limit: int) -> list[UploadRow]:
        """Remove sessions not touched since `before` (ms), their bytes too; those removed."""
        removed = []
        for row in await self._ledger.expired(before, limit):
            live = self._ledger.known(row)
            if live.busy or live.touched_at >= before:
                continue  # not idle at all, whatever its row says
            with suppress(TooManyRequests, BlobUploadUnknown):  # another worker writes to it, or has removed it
                async with live.lock:
                    await self._ledger.lease(live)
                    try:
                        if await self._remove_idle(live, before):
                            removed.append(row)
                    except StorageError as error:  # one that cannot be removed must not keep the others
                        log.warning("an expired upload of %s cannot be removed yet: %s", row.repository, error)
                    finally:
                        await self._ledger.give_back(live)
        return removed

    async def _remove_idle(self, live: Live, before: int) -> bool:
        """Remove it if it is still to expire now that it is locked: a chunk may have come since its row was read."""
        try:
            ingest = await self._run(lambda: self._partials.open(live))
        except BlobUploadUnknown:
            await self._ledger.forget(live)
            return True
        row = await self._ledger.row(live)
        if live.touched_at >= before or (row is not None and row.updated_at >= before):
            live.state = await self._run(ingest.suspend)
            return False
        await self._run(ingest.cancel)
        await self._run(lambda: self._content.discard(live.linked))
        await self._ledger.forget(live)
        return True

    async def is_due(self) -> bool:
        """Whether `flush` would do anything."""
        idle = now_ms() - IDLE
        return any(
            live.busy or live.dirty or live.leased or not live.in_rows or live.touched_at < idle
            for live in self._ledger
        )

    async def flush(self) -> None:
        """Write down the sessions that have changed; and forget those that nobody has used for long."""
        late = now_ms() - STIR
        self._ledger.recount()
        await self._ledger.renew()
        for live in self._ledger:
            if live.busy and live.in_rows and not live.leased and live.touched_at < late:
                live.touch()  # or another worker takes it for one that nobody uses
        changed = [live for live in self._ledger if live.dirty and not live.leased]
        for live in changed:
            if live.held and not live.busy:
                async with live.lock:
                    if live.held:
                        await self._run(lambda live=live: self._partials.spill(live))  # type: ignore[misc]
        await self._ledger.store([live for live in changed if self._ledger.may_be_stored(live)])
        idle = now_ms() - IDLE
        for live in self._ledger:
            if live.touched_at < idle and live.in_rows and not live.dirty and not live.busy:
                self._ledger.drop(live)

    # Bytes

    async def _append_small(self, live: Live, data: bytes, span: tuple[int, int] | None, actor: Actor) -> None:
        if self._partials.can_hold(live, len(data)) and not self._ledger.others_may_know(live):
            check_order(live, len(live.held), span)
            self._partials.hold(live, live.held + data)
        else:
            await self._run(lambda: self._partials.append(live, span, actor, data))

    async def _receive(self, live: Live, body: Body, span: tuple[int, int] | None, actor: Actor) -> Ingest:
        """Append the body; the session's ingest, still open. On any failure what arrived stays with the session."""
        await self._ledger.announce(live)
        ingest = await self._run(lambda: self._partials.begin(live, span, actor))
        try:
            await body.take(ingest.feed)
        except BaseException:
            live.state = await asyncio.shield(self._run(ingest.suspend))
            live.touch()
            raise
        return ingest

    async def _close(self, live: Live, digest: Digest, body: Body, span: tuple[int, int] | None, actor: Actor) -> int:
        """Append the body, verify and publish. On failure the bytes stay, unless they have another digest."""
        repository = live.row.repository
        if _is_small(body):
            data = await body.read(SMALL)
            # Another worker may have begun the file since: what is known here is not all there is.
            elsewhere = self._ledger.others_may_know(live) and self._partials.size(live) > 0
            if not live.on_disk and not elsewhere:
                check_order(live, len(live.held), span)
                actor.check_here()
                with self._ending(live) as upload:
                    whole = live.held + data
                    return await self._publisher.publish_bytes(repository, digest, whole, actor, upload)
            ingest = await self._run(lambda: self._partials.begin(live, span, actor, data))
        else:
            ingest = await self._receive(live, body, span, actor)
        try:
            with self._ending(live) as upload:
                return await self._publisher.publish(repository, digest, ingest, actor, upload)
        except BaseException:
            live.state = await asyncio.shield(self._run(ingest.suspend))
            live.touch()
            raise

    async def _remove(self, live: Live, actor: Actor) -> None:
        """Bytes and session."""
        if live.on_disk or self._ledger.others_may_know(live):
            ingest = await self._run(lambda: self._partials.open(live))
            if actor.gone():
                live.state = await self._run(ingest.suspend)
            actor.check_here()
            await self._run(ingest.cancel)
        await self._run(lambda: self._content.discard(live.linked))
        await self._ledger.forget(live, durable=True)

    # Sessions

    @asynccontextmanager
    async def _writing(self, live: Live, actor: Actor) -> AsyncIterator[None]:
        """One request at a time; a second is refused, at once. What the worker itself does with it is waited for.

        A request whose client is gone by then changes nothing. Raises Disconnected.
        """
        if live.busy:
            raise busy()
        live.busy = True
        self.used()
        self._count(1)
        try:
            async with live.lock:
                if not self._ledger.knows(live):
                    raise unknown(live.row.repository, live.row.id)  # expired while we waited
                await self._ledger.lease(live)
                actor.check_here()
                yield
        except NotFound as error:
            if self._content.local:
                raise
            # A rule of the bucket's, or somebody else, has removed its bytes.
            log.warning("upload %s of %s is given up: %s", live.row.id, live.row.repository, error)
            await self._ledger.forget(live)
            raise unknown(live.row.repository, live.row.id) from error
        finally:
            if live.leased:
                await asyncio.shield(self._ledger.give_back(live))
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

    def _drop(self, live: Live) -> None:
        """It is over; its row, if there was one, is gone or going."""
        self._ledger.drop(live)
        self._partials.hold(live, b"")

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _nothing() -> None:
    """What follows where nothing does."""


def _row(repository: str, algorithm: str, actor: Actor) -> UploadRow:
    now = now_ms()
    return UploadRow(new_id(), repository, actor.client, algorithm, 0, "", now, now)


def _is_small(body: Body) -> bool:
    return body.length is not None and body.length <= SMALL


def _check_length(body: Body, span: tuple[int, int] | None) -> None:
    if span is not None and body.length is not None and span[1] - span[0] + 1 != body.length:
        raise BlobUploadInvalid(
            f"the chunk has {body.length} bytes, its Content-Range says {span[1] - span[0] + 1}",
        )
