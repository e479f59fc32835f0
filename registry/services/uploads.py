"""Upload sessions: blobs on their way in (distribution spec, "Pushing blobs").

    POST          row, no bytes yet
    PATCH ...     bytes appended to a partial file, the digest so far kept beside the row
    PUT           the rest of the bytes; verified, made durable, published, then the repository is given the blob
    DELETE, or expiry: bytes and row go

The partial file's size is the offset, whatever the row says; its lock (the driver's) admits one writer at a time, over
all workers, and is free again when its holder dies. Rows of sessions are written without waiting for the disk: a crash
may lose a session, never an acknowledged blob.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from registry.metadata import uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.uploads import UploadRow
from registry.oci.errors import BlobUploadInvalid, BlobUploadUnknown, DigestInvalid, RangeInvalid, TooManyRequests
from registry.services.actor import Actor
from registry.services.body import Body
from registry.services.publish import Publisher
from storage import paths
from storage.content import ContentStore, Ingest, IngestState
from storage.digest import ALGORITHMS, Digest
from storage.errors import Busy, DigestMismatch, Exists, NotFound

T = TypeVar("T")

SMALL = 256 * 1024
"""A body up to this many bytes is read whole and written in one go: one hop to a thread instead of several."""

MOST_LIVE = 10_000
"""Sessions a worker among several remembers."""

NO_STATE = IngestState(0, {}, "")


@dataclass(slots=True)
class Live:
    """A session as this process knows it; `state` may carry a running hash, which a row cannot."""

    row: UploadRow
    state: IngestState


class Uploads:
    """The sessions of one worker. `shared`: others serve the same ones, so rows are asked, and written, each time."""

    def __init__(
        self,
        database: Database,
        content: ContentStore,
        publisher: Publisher,
        pool: ThreadPoolExecutor,
        *,
        per_client: int,
        shared: bool,
    ) -> None:
        self._database = database
        self._content = content
        self._publisher = publisher
        self._pool = pool
        self._per_client = per_client
        self._shared = shared
        self._live: dict[str, Live] = {}

    async def start(self, repository: str, algorithm: str, actor: Actor) -> str:
        """Open a session; its id. Raises DigestInvalid, TooManyRequests."""
        if algorithm not in ALGORITHMS:
            known = ", ".join(ALGORITHMS)
            raise DigestInvalid(
                f"digest algorithm {algorithm} is not supported, use one of {known}", {"algorithm": algorithm}
            )
        now = now_ms()
        row = UploadRow(secrets.token_hex(16), repository, actor.client, algorithm, 0, "", now, now)

        def create(session: Session) -> None:
            if uploads.count_for(session, actor.client) >= self._per_client:
                raise TooManyRequests(
                    f"{actor.client} has {self._per_client} uploads open, finish or cancel some first",
                    headers={"retry-after": "30"},
                )
            uploads.create(session, row)

        await self._database.write(create, durable=False)
        self._remember(Live(row, NO_STATE))
        return row.id

    async def offset(self, repository: str, upload: str) -> int:
        """How many bytes the session holds. Raises BlobUploadUnknown."""
        live = await self._find(repository, upload)
        return await self._run(lambda: self._stored(live))

    async def append(self, repository: str, upload: str, body: Body, span: tuple[int, int] | None) -> int:
        """Append a chunk; the new offset. `span` is its Content-Range. Raises RangeInvalid, BlobUploadInvalid."""
        live = await self._find(repository, upload)
        ingest = await self._receive(live, body, span)
        await self._suspend(live, ingest)
        return live.state.offset

    async def finish(
        self, repository: str, upload: str, digest: Digest, body: Body, span: tuple[int, int] | None, actor: Actor
    ) -> int:
        """Append what the closing request brings, verify, publish; the blob's size. Raises DigestInvalid too."""
        live = await self._find(repository, upload)
        ingest = await self._receive(live, body, span)
        try:
            size = await self._publisher.publish(repository, digest, ingest, actor, upload)
        except DigestMismatch as error:
            await self._forget(live)
            raise DigestInvalid(
                f"the upload's bytes are {error.actual}, not {digest}; start again", {"digest": str(digest)}
            ) from error
        except BaseException:
            await self._suspend(live, ingest)
            raise
        self._live.pop(upload, None)
        return size

    async def cancel(self, repository: str, upload: str) -> None:
        """Raises BlobUploadUnknown, BlobUploadInvalid while a request is writing to it."""
        live = await self._find(repository, upload)
        ingest = await self._run(lambda: self._open(live))
        await self._run(ingest.cancel)
        await self._forget(live)

    async def monolithic(self, repository: str, digest: Digest, body: Body, actor: Actor) -> int:
        """A blob in a single POST; its size. No session that anybody could come back to."""
        now = now_ms()
        row = UploadRow(secrets.token_hex(16), repository, actor.client, digest.algorithm, 0, "", now, now)
        live = Live(row, NO_STATE)
        ingest = await self._receive(live, body, None)
        try:
            return await self._publisher.publish(repository, digest, ingest, actor, None)
        except DigestMismatch as error:
            raise DigestInvalid(
                f"the body's bytes are {error.actual}, not {digest}", {"digest": str(digest)}
            ) from error
        except BaseException:
            await self._run(ingest.cancel)
            raise

    async def expire(self, before: int, limit: int) -> list[UploadRow]:
        """Remove sessions not touched since `before` (ms), their bytes too; those removed."""
        rows = await self._database.read(lambda session: uploads.expired(session, before, limit))
        removed = []
        for row in rows:
            live = self._live.get(row.id) or Live(row, NO_STATE)
            try:
                ingest = await self._run(lambda live=live: self._open(live))  # type: ignore[misc]
            except BlobUploadInvalid:
                continue  # being written to: not idle at all
            if not await self._idle(row, before):
                await self._run(ingest.suspend)
                continue
            await self._run(ingest.cancel)
            await self._forget(live)
            removed.append(row)
        return removed

    async def _idle(self, row: UploadRow, before: int) -> bool:
        """Whether a session, now locked, is still to expire: a chunk may have come since its row was read."""
        found = await self._database.read(lambda session: uploads.find(session, row.id, row.repository))
        return found is None or found.updated_at < before

    # A chunk

    async def _receive(self, live: Live, body: Body, span: tuple[int, int] | None) -> Ingest:
        """Append the body; the session's ingest, still open. On any failure what arrived stays with the session."""
        if span is not None and body.length is not None and span[1] - span[0] + 1 != body.length:
            raise BlobUploadInvalid(
                f"the chunk has {body.length} bytes, its Content-Range says {span[1] - span[0] + 1}"
            )
        if body.length is not None and body.length <= SMALL:
            data = await body.read(SMALL)
            return await self._run(lambda: self._write_whole(live, span, data))
        ingest = await self._run(lambda: self._begin(live, span))
        try:
            await body.take(ingest.write)
        except BaseException:
            await asyncio.shield(self._suspend(live, ingest))
            raise
        return ingest

    def _write_whole(self, live: Live, span: tuple[int, int] | None, data: bytes) -> Ingest:
        ingest = self._begin(live, span)
        try:
            if data:
                ingest.write(data)
        except BaseException:
            live.state = ingest.suspend()
            raise
        return ingest

    def _begin(self, live: Live, span: tuple[int, int] | None) -> Ingest:
        ingest = self._open(live)
        if span is not None and span[0] != ingest.offset:
            live.state = ingest.suspend()
            raise out_of_order(live.row.repository, live.row.id, ingest.offset, span[0])
        return ingest

    def _open(self, live: Live) -> Ingest:
        path = paths.upload_data(live.row.repository, live.row.id)
        try:
            if live.state is NO_STATE and not live.row.state:
                try:
                    return self._content.begin(path, live.row.algorithm)
                except Exists:
                    pass
            return self._content.resume(path, live.state, live.row.algorithm)
        except NotFound:
            return self._content.begin(path, live.row.algorithm)
        except Busy as error:
            raise BlobUploadInvalid(
                "another request is writing to this upload, wait for it or ask for its status"
            ) from error

    def _stored(self, live: Live) -> int:
        return self._content.partial_size(paths.upload_data(live.row.repository, live.row.id))

    async def _suspend(self, live: Live, ingest: Ingest) -> None:
        live.state = await self._run(ingest.suspend)
        row, state = live.row, live.state
        await self._database.write(
            lambda session: uploads.advance(session, row.id, state.offset, state.encode(), now_ms()), durable=False
        )

    # Rows

    async def _find(self, repository: str, upload: str) -> Live:
        live = self._live.get(upload)
        if live is None or self._shared:
            row = await self._database.read(lambda session: uploads.find(session, upload, repository))
            if row is None:
                self._live.pop(upload, None)
                raise unknown(repository, upload)
            if live is None or row.offset != live.state.offset:
                live = Live(row, IngestState.decode(row.state) if row.state else NO_STATE)
                self._remember(live)
        if live.row.repository != repository:
            raise unknown(repository, upload)
        return live

    def _remember(self, live: Live) -> None:
        """Sessions that other workers end are never heard of again: the oldest make room, their rows say the rest."""
        if self._shared and len(self._live) >= MOST_LIVE:
            del self._live[next(iter(self._live))]
        self._live[live.row.id] = live

    async def _forget(self, live: Live) -> None:
        self._live.pop(live.row.id, None)
        await self._database.write(lambda session: uploads.delete(session, live.row.id), durable=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


_ID = re.compile(r"[0-9a-f]{32}")


def location(repository: str, upload: str) -> str:
    return f"/v2/{repository}/blobs/uploads/{upload}"


def held(offset: int) -> str:
    """The `Range` of a session that holds `offset` bytes: inclusive, and `0-0` when it holds none."""
    return f"0-{max(offset - 1, 0)}"


def unknown(repository: str, upload: str) -> BlobUploadUnknown:
    return BlobUploadUnknown(
        f"{repository} has no upload {upload}, start a new one", {"name": repository, "upload": upload}
    )


def out_of_order(repository: str, upload: str, offset: int, start: int) -> RangeInvalid:
    return RangeInvalid(
        f"the chunk starts at {start}, the upload holds {offset} bytes; go on from there",
        {"offset": offset},
        headers={"location": location(repository, upload), "range": held(offset), "docker-upload-uuid": upload},
    )
