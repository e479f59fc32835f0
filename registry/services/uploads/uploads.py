"""Upload sessions: blobs on their way in (distribution spec, "Pushing blobs"). Their life is the table in life.py.

    POST          a session, no bytes yet
    PATCH ...     bytes appended to its buffer or partial file, the digest so far kept with the session
    PUT           the rest of the bytes; verified, made durable, published, then the repository is given the blob
    or PUT that adopts: a program of this machine has put the whole file in, which is read and not copied
    DELETE, or expiry: bytes and session go

On local storage the partial file's size is the offset, whatever the row says. A session is written down only when it
has lived for a moment (`flush`), and most are over before that; until then other workers go by its Location and what
is in the machine's memory. Where the storage is not local, there is no file to ask: the row is the truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.metadata.uploads import Ending
from registry.oci.errors import BlobUploadInvalid, DigestInvalid, TooManyRequests
from registry.services.actor import SYSTEM, Actor
from registry.services.body import Body
from registry.services.publish import Publisher
from registry.services.uploads.buffers import Buffers, OwnBuffers
from registry.services.uploads.file_lock import FileLock
from registry.services.uploads.life import Life
from registry.services.uploads.locations import Locations, Place
from registry.services.uploads.ownership import Ownership
from registry.services.uploads.partial import Check, PartialFiles
from registry.services.uploads.row_lease import RowLease
from registry.services.uploads.session import UploadSession, busy
from registry.services.uploads.table import SessionTable
from registry.services.uploads.upkeep import Upkeep
from storage.content import ContentStore, Ingest
from storage.digest import ALGORITHMS, Digest
from storage.driver import Root
from storage.errors import DigestMismatch, NotFound, Unfit

T = TypeVar("T")

log = logging.getLogger(__name__)

SMALL_BYTES = 256 * 1024
"""A body up to this many bytes is read whole and written in one go: one hop to a thread instead of several."""

SETTLE_SECONDS = 1.0
"""For which a status waits for a request that is still writing."""

IDLE_MS = 10_000
"""After which a session may be cancelled to make room for another of its client."""

Span = tuple[int, int] | None
"""A Content-Range."""


class Where(NamedTuple):
    """What the answer says of a session."""

    upload: str
    offset: int
    location: str


class Uploads:
    """The sessions of one worker. `buffers` are shared with its other workers, if it has any; None where it is alone.

    `shared`: other workers or replicas serve the sessions too. `count` is called with 1 for every request that begins
    to write to one, and with -1 when it ends. `links`: whether files that programs of this machine put in are taken.
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
        buffers: Buffers | None,
        links: bool,
        count: Callable[[int], None],
    ) -> None:
        self._content = content
        self._publisher = publisher
        self._pool = pool
        self._per_client = per_client
        self._count = count
        self._links = links
        leases = shared and not content.local
        self._partials = PartialFiles(content, None if leases else buffers or OwnBuffers())
        self._table = SessionTable(
            database, self._partials.holds, self._partials.buffered, shared=shared, local=content.local
        )
        self._locations = Locations(database)
        self._ownership: Ownership = (
            RowLease(database, self._table) if leases else FileLock(self._partials, pool, shared=shared)
        )
        self.used: Callable[[], None] = _nothing
        """Is called when a session begins, and when a request begins to write to one."""
        self.upkeep = Upkeep(self._table, self._partials, self._ownership, content, pool)

    async def start(self, repository: str, algorithm: str, actor: Actor) -> Where:
        """Open a session. Raises DigestInvalid, TooManyRequests."""
        if algorithm not in ALGORITHMS:
            known = ", ".join(ALGORITHMS)
            raise DigestInvalid(f"digest algorithm {algorithm[:40]} is not supported, use one of {known}")
        await self._locations.ready()
        session = UploadSession.opened(repository, algorithm, actor)
        self.used()
        if await self._table.has_room(session.row.client, self._per_client):
            self._table.add(session)
        else:
            await self._open_counted(session)
        return self._where(session, 0)

    async def _open_counted(self, session: UploadSession) -> None:
        """Open it within the client's bound, the oldest of its idle sessions cancelled where that is reached."""
        for _ in range(2):
            before = now_ms() - IDLE_MS
            idle = await self._table.open_counted(session, self._per_client, before)
            if idle is None:
                return
            await self.upkeep.remove(idle, before)
        raise TooManyRequests(
            f"{session.row.client} has {self._per_client} uploads open, finish or cancel some first",
            headers={"retry-after": "30"},
        )

    async def offset(self, repository: str, text: str, actor: Actor) -> Where:
        """How many bytes the session holds; `text` ends its Location. Raises BlobUploadUnknown."""
        place, session = await self._find(repository, text, actor)
        # A client asks after its connection broke: let what arrived before that be counted.
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                if session.busy:
                    async with session.lock:
                        pass
                await self._ownership.settled(session)
        if not self._content.local and not session.busy:
            session = await self._table.find(repository, place, actor)
        size = self._partials.buffered(session) or await self._run(lambda: self._partials.size(session))
        if not size and session.state.offset and not session.busy:
            raise session.unknown()  # its bytes are lost, or another worker's closing request has them
        return self._where(session, size)

    async def append(self, repository: str, text: str, body: Body, span: Span, actor: Actor) -> Where:
        """Append a chunk; `span` is its Content-Range. Raises RangeInvalid, BlobUploadInvalid."""
        place, session = await self._find(repository, text, actor, to_write=True)
        async with self._writing(session, actor):
            _check_length(body, span)
            check = self._check(session, place.offset if span is None else span[0], place.offset)
            if _is_small(body):
                data = await body.read(SMALL_BYTES)
                actor.check_here()
                if not self._partials.append_small(session, data, check):
                    await self._run(lambda: self._partials.append(session, check, actor, data))
            else:
                ingest = await self._receive(session, body, span, check, actor)
                session.state = await self._run(ingest.suspend)
            session.touch()
            await self._table.settle(session)
        return self._where(session, session.offset)

    async def finish(self, repository: str, text: str, digest: Digest, body: Body, span: Span, actor: Actor) -> int:
        """Append what the closing request brings, verify, publish; the blob's size. Raises DigestInvalid too."""
        whole = bool(body.length) and (span is None or not span[0])
        place, session = await self._find(repository, text, actor, to_write=True, whole=whole)
        async with self._writing(session, actor):
            _check_length(body, span)
            start = span[0] if span is not None else place.offset if body.length != 0 else None
            try:
                size = await self._close(session, digest, body, span, self._check(session, start, place.offset), actor)
            except DigestMismatch as error:
                self._partials.discard_buffer(session)
                await self._table.forget(session)
                raise DigestInvalid(f"the upload's bytes are {error.actual}, not {digest}; start again") from error
            self._drop(session)
        return size

    def ingest_folder(self) -> Root | None:
        """The root of the storage that files can be put in, see storage/paths.py; None where none are taken."""
        return self._content.open_ingest_folder() if self._links else None

    async def adopt(self, repository: str, text: str, digest: Digest, actor: Actor) -> int:
        """Verify and publish the file that was put in for the session, which holds no bytes itself; the blob's size.

        Raises BlobUploadInvalid when there is none that can be taken: the session goes on. Raises DigestInvalid.
        """
        _, session = await self._find(repository, text, actor, to_write=True)
        async with self._writing(session, actor):
            if not self._links:
                raise BlobUploadInvalid("this registry takes no files (storage.links), send the bytes")
            if await self._run(lambda: self._partials.size(session)) > 0:
                raise BlobUploadInvalid("the upload holds bytes already, send the rest")
            await self._table.announce(session)
            actor.check_here()
            try:
                with self._publishing(session) as ending:
                    size = await self._publisher.adopt(repository, digest, session.linked, actor, ending)
            except (NotFound, Unfit) as error:
                raise BlobUploadInvalid(f"there is no file to take for this upload: {error}") from error
            except DigestMismatch as error:
                await self._table.forget(session)
                raise DigestInvalid(f"the file's bytes are {error.actual}, not {digest}; start again") from error
            self._drop(session)
        return size

    async def cancel(self, repository: str, text: str, actor: Actor) -> None:
        """Raises BlobUploadUnknown, TooManyRequests while a request is writing to it."""
        _, session = await self._find(repository, text, actor, to_write=True)
        async with self._writing(session, actor):
            await self._run(lambda: self._partials.cancel(session, actor))
            await self._run(lambda: self._content.discard(session.linked))
            await self._table.forget(session, durable=True)

    async def monolithic(self, repository: str, digest: Digest, body: Body, actor: Actor) -> int:
        """A blob in a single POST; its size. No request can come back to its session."""
        session = UploadSession.opened(repository, digest.algorithm, actor)
        session.busy = True
        if not self._content.local and not _is_small(body):
            self._table.add(session)  # so that its bytes are known to have a session
            self.used()
        self._count(1)
        try:
            size = await self._close(session, digest, body, None, self._check(session, 0), actor)
            self._drop(session)
            return size
        except BaseException as error:
            await asyncio.shield(self._give_up(session))
            if isinstance(error, DigestMismatch):
                raise DigestInvalid(f"the body's bytes are {error.actual}, not {digest}") from error
            raise
        finally:
            self._count(-1)

    async def _give_up(self, session: UploadSession) -> None:
        """Remove what no request can come back to; what cannot be removed now, expiry removes."""
        try:
            if session.life is Life.PARTIAL:
                await self._run(lambda: self._partials.cancel(session, SYSTEM))
            await self._table.forget(session)
        finally:
            self._drop(session)

    # Bytes

    async def _receive(self, session: UploadSession, body: Body, span: Span, check: Check, actor: Actor) -> Ingest:
        """Append the body; the session's ingest, still open. On any failure what arrived stays with the session.

        But for a body that is not as long as its Content-Range says: the session stands where it stood.
        """
        await self._table.announce(session)
        ingest = await self._run(lambda: self._partials.begin(session, check, actor))
        stood, wanted = session.state, None if span is None else span[1] - span[0] + 1
        begun = ingest.offset

        def feed(data: Any) -> None:  # noqa: ANN401 - whatever holds bytes
            ingest.feed(data)
            if wanted is not None and ingest.offset - begun > wanted:
                raise _TooLong

        try:
            came = await body.take(feed)
            if wanted is not None and came != wanted:
                raise _wrong_length(came, wanted)
        except (_TooLong, BlobUploadInvalid) as error:
            session.state = await asyncio.shield(self._run(lambda: ingest.rewind(begun, stood)))
            if isinstance(error, BlobUploadInvalid):
                raise
            raise BlobUploadInvalid(f"the chunk has over {wanted} bytes, its Content-Range says {wanted}") from error
        except BaseException:
            session.state = await asyncio.shield(self._run(ingest.suspend))
            session.touch()
            raise
        return ingest

    async def _close(
        self, session: UploadSession, digest: Digest, body: Body, span: Span, check: Check, actor: Actor
    ) -> int:
        """Append the body, verify and publish. On failure the bytes stay, unless they have another digest."""
        repository = session.row.repository
        if _is_small(body):
            data = await body.read(SMALL_BYTES)
            with self._partials.buffer(session) as buffer:
                held = b"" if buffer is None else buffer.data
                if session.life is not Life.PARTIAL and (held or not self._partials.holds(session)):
                    check(len(held))
                    if not held and not data:
                        await self._table.check_not_over(session)
                    actor.check_here()
                    with self._publishing(session) as ending:
                        size = await self._publisher.publish_bytes(repository, digest, held + data, actor, ending)
                    self._partials.forget(session, buffer)
                    return size
            ingest = await self._run(lambda: self._partials.begin(session, check, actor, data))
        else:
            ingest = await self._receive(session, body, span, check, actor)
        try:
            with self._publishing(session) as ending:
                return await self._publisher.publish(repository, digest, ingest, actor, ending)
        except BaseException:
            session.state = await asyncio.shield(self._run(ingest.suspend))
            session.touch()
            raise

    def _check(self, session: UploadSession, start: int | None, told: int = 0) -> Check:
        """Rule 4 of life.py. Without a start, as for bytes that are all there, any offset is right.

        A session that has none of the `told` bytes that its Location tells of was ended elsewhere while we came here.
        """

        def check(offset: int) -> None:
            if told and not offset:
                raise session.unknown()
            if start is not None:
                self._locations.check_order(session, offset, start)

        return check

    # Sessions

    async def _find(
        self, repository: str, text: str, actor: Actor, *, to_write: bool = False, whole: bool = False
    ) -> tuple[Place, UploadSession]:
        """Raises BlobUploadUnknown."""
        await self._locations.ready()
        place = self._locations.parse(repository, actor.principal, text)
        whole = whole and not place.offset
        return place, await self._table.find(repository, place, actor, to_write=to_write, whole=whole)

    @asynccontextmanager
    async def _writing(self, session: UploadSession, actor: Actor) -> AsyncIterator[None]:
        """One request at a time; a second is refused, at once. What the worker itself does with it is waited for.

        A request whose client is gone by then changes nothing. Raises Disconnected.
        """
        if session.busy:
            raise busy()
        session.busy = True
        self.used()
        self._count(1)
        try:
            async with session.lock:
                if not self._table.knows(session):
                    raise session.unknown()  # expired while we waited
                await self._ownership.take(session)
                actor.check_here()
                yield
        except NotFound as error:
            if self._content.local:
                raise
            # A rule of the bucket's, or another program, has removed its bytes.
            log.warning("upload %s of %s is given up: %s", session.id, session.row.repository, error)
            await self._table.forget(session)
            raise session.unknown() from error
        finally:
            if session.leased:
                await asyncio.shield(self._ownership.give_back(session))
            self._count(-1)
            session.busy = False

    @contextmanager
    def _publishing(self, session: UploadSession) -> Iterator[Ending | None]:
        """While its bytes are published: how the session ends with that in the database."""
        before = session.life
        session.becomes(Life.PUBLISHING)
        try:
            yield self._table.ending(session)
        except BaseException:
            session.becomes(before)
            raise

    def _drop(self, session: UploadSession) -> None:
        """It is over; its row, if there was one, is gone or going."""
        session.becomes(Life.GONE)
        self._table.drop(session)
        self._partials.forget(session)

    def _where(self, session: UploadSession, offset: int) -> Where:
        return Where(session.id, offset, self._locations.path(session, offset))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _nothing() -> None:
    """What follows where nothing does."""


class _TooLong(Exception):
    """More bytes came than the Content-Range says."""


def _is_small(body: Body) -> bool:
    return body.length is not None and body.length <= SMALL_BYTES


def _check_length(body: Body, span: Span) -> None:
    if span is not None and body.length is not None and span[1] - span[0] + 1 != body.length:
        raise _wrong_length(body.length, span[1] - span[0] + 1)


def _wrong_length(size: int, wanted: int) -> BlobUploadInvalid:
    return BlobUploadInvalid(f"the chunk has {size} bytes, its Content-Range says {wanted}")
