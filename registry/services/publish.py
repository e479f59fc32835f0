"""From verified bytes to a blob of a repository. The order is what makes an answer true:

1. the bytes are verified against the digest, made durable and published under it (storage);
2. one durable transaction says that the blob is there and that the repository has it (metadata);
3. only then does the client get its answer.

Where the storage is not local, nothing in the index's transaction asks it anything: it may be far away, and all writes
would wait.

A blob that is here already is written again all the same: bits of the old bytes may have flipped unnoticed, and an
acknowledgement must hold for the bytes that the client has sent.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from registry.metadata import blobs, events, repositories, uploads
from registry.metadata.blobs import Located
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.metadata.models import QUARANTINED
from registry.metadata.uploads import Ending
from registry.oci.errors import Unavailable
from registry.services.actor import Actor
from registry.services.group import GroupPut
from storage.content import ContentStore, Ingest, Stored
from storage.digest import Digest
from storage.errors import Damaged, NotFound


class Publisher:
    """See the module."""

    def __init__(
        self,
        database: Database,
        content: ContentStore,
        pool: ThreadPoolExecutor,
        group: GroupPut,
        lease_seconds: float,
    ) -> None:
        self._lease_ms = int(lease_seconds * 1000)
        self._database = database
        self._content = content
        self._pool = pool
        self._group = group

    async def publish(
        self, repository: str, digest: Digest, ingest: Ingest, actor: Actor, upload: Ending | None
    ) -> int:
        """Publish `ingest` as `digest` in `repository`; its size. `upload` is how its session ends with it.

        Raises DigestMismatch (the ingest is gone then), storage errors (it is not).
        """
        loop = asyncio.get_running_loop()
        stored = await loop.run_in_executor(self._pool, lambda: ingest.commit(digest))
        await self._database.write(lambda session: self._record(session, repository, digest, stored, actor, upload))
        return stored.size

    async def adopt(self, repository: str, digest: Digest, path: str, actor: Actor, upload: Ending | None) -> int:
        """The same of a whole file that was put at `path`. Raises NotFound and Unfit, DigestMismatch (it is gone)."""
        loop = asyncio.get_running_loop()
        stored = await loop.run_in_executor(self._pool, lambda: self._content.adopt(path, digest))
        await self._database.write(lambda session: self._record(session, repository, digest, stored, actor, upload))
        return stored.size

    async def publish_bytes(
        self, repository: str, digest: Digest, data: bytes, actor: Actor, upload: Ending | None
    ) -> int:
        """The same for a small blob at hand."""
        stored = Stored(len(data), "")

        def record(session: Session) -> None:
            self._record(session, repository, digest, stored, actor, upload)

        if self._content.local:
            await self._group.put(digest, data, lambda loop, done: self._database.write_for(record, loop, done))
        else:
            # There is no wait to share, and one that takes long is not to be waited for by others.
            await asyncio.get_running_loop().run_in_executor(self._pool, self._put, digest, data)
            await self._database.write(record)
        return stored.size

    def _put(self, digest: Digest, data: bytes) -> None:
        (error,) = self._content.put_group([(digest, data)])
        if error is not None:
            raise error

    def _record(
        self, session: Session, repository: str, digest: Digest, stored: Stored, actor: Actor, upload: Ending | None
    ) -> None:
        size, place = stored
        # A last look under the write lock: a quarantine of the old bytes may have come between (see quarantine.py).
        if not self._whole(digest, Located(size, place)):
            raise Unavailable(f"blob {digest} was moved while it was stored, push it again")
        now = now_ms()
        before = blobs.standing(session, repository, str(digest))
        repaired = before.state == QUARANTINED
        repository_id = before.repository_id or repositories.ensure(session, repository, now)
        blobs.publish(session, str(digest), size, now, place)
        self._link(session, repository, repository_id, str(digest), now, is_linked=before.is_linked)
        if upload is not None:
            uploads.end(session, upload)
        if repaired or not before.is_linked:
            events.append(
                session,
                "blob.repaired" if repaired else "blob.pushed",
                repository=repository,
                digest=str(digest),
                size=size,
                actor=actor.principal,
                request_id=actor.request_id,
                at=now,
            )

    def _link(
        self, session: Session, repository: str, repository_id: int, digest: str, now: int, *, is_linked: bool
    ) -> None:
        """The client will name it in a manifest: until then the repository keeps it."""
        until = now + self._lease_ms
        if is_linked:
            blobs.lease(session, repository, digest, now, until)
        else:
            blobs.link(session, repository_id, digest, now, until)

    def _whole(self, digest: Digest, blob: Located) -> bool:
        if not self._content.local:
            return True  # nothing moves bytes there, and the index is not to wait for another machine
        try:
            self._content.check(digest, blob.size, place=blob.place)
        except (NotFound, Damaged):
            return False
        return True

    async def mount(self, repository: str, digest: Digest, source: str | None, actor: Actor) -> bool:
        """Give `repository` a blob that `source`, or any repository, has; False when none does, or it is damaged."""

        def link(session: Session) -> bool:
            before, blob = blobs.mountable(session, repository, str(digest), source)
            actor.check_here()  # it may have waited for other writes, here or for the turn
            if blob is None or not self._whole(digest, blob):
                return False
            now = now_ms()
            repository_id = before.repository_id or repositories.ensure(session, repository, now)
            self._link(session, repository, repository_id, str(digest), now, is_linked=before.is_linked)
            if not before.is_linked:
                events.append(
                    session,
                    "blob.mounted",
                    repository=repository,
                    digest=str(digest),
                    size=blob.size,
                    actor=actor.principal,
                    request_id=actor.request_id,
                    at=now,
                )
            return True

        return await self._database.write(link)
