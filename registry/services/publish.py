"""From verified bytes to a blob of a repository. The order is what makes an answer true:

1. the bytes are verified against the digest, made durable and published under it (storage);
2. one durable transaction says that the blob is there and that the repository has it (metadata);
3. only then is the client told.

A blob that is here already is written again all the same: bits of the old bytes may have flipped without anybody having
noticed, and what a client is told must hold for the bytes it has sent.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from registry.metadata import blobs, events, repositories, uploads
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.oci.errors import Unavailable
from registry.services.actor import Actor
from registry.services.group import GroupPut
from storage.content import ContentStore, Ingest
from storage.digest import Digest
from storage.errors import Damaged, NotFound


class Publisher:
    """See the module."""

    def __init__(self, database: Database, content: ContentStore, pool: ThreadPoolExecutor, group: GroupPut) -> None:
        self._database = database
        self._content = content
        self._pool = pool
        self._group = group

    async def publish(self, repository: str, digest: Digest, ingest: Ingest, actor: Actor, upload: str | None) -> int:
        """Publish `ingest` as `digest` in `repository`; its size. `upload` is the session that ends with it.

        Raises DigestMismatch (the ingest is gone then), storage errors (it is not).
        """
        loop = asyncio.get_running_loop()
        size = (await loop.run_in_executor(self._pool, lambda: ingest.commit(digest))).size
        await self._database.write(lambda session: self._record(session, repository, digest, size, actor, upload))
        return size

    async def publish_bytes(
        self, repository: str, digest: Digest, data: bytes, actor: Actor, upload: str | None
    ) -> int:
        """The same for a small blob at hand."""
        size = len(data)

        def record(session: Session) -> None:
            self._record(session, repository, digest, size, actor, upload)

        await self._group.put(digest, data, lambda loop, done: self._database.write_for(record, loop, done))
        return size

    def _record(
        self, session: Session, repository: str, digest: Digest, size: int, actor: Actor, upload: str | None
    ) -> None:
        # A last look under the write lock: a quarantine of the old bytes may have come between (see damage.py).
        if not self._whole(digest, size):
            raise Unavailable(f"blob {digest} was moved while it was stored, push it again")
        now = now_ms()
        repaired = blobs.publish(session, str(digest), size, now) == "quarantined"
        repository_id = repositories.ensure(session, repository, now)
        linked = blobs.link(session, repository_id, str(digest), now)
        if upload is not None:
            uploads.delete(session, upload)
        if linked or repaired:
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

    def _whole(self, digest: Digest, size: int) -> bool:
        try:
            self._content.check(digest, size)
        except (NotFound, Damaged):
            return False
        return True

    async def mount(self, repository: str, digest: Digest, source: str | None, actor: Actor) -> bool:
        """Give `repository` a blob that `source`, or any repository, has; False when none does, or it is damaged."""

        def link(session: Session) -> bool:
            if source is None:
                found = blobs.readable_anywhere(session, str(digest)) is not None
            else:
                found = blobs.size_in(session, source, str(digest)) is not None
            size = blobs.present(session, str(digest)) if found else None
            if size is None or not self._whole(digest, size):
                return False
            now = now_ms()
            if blobs.link(session, repositories.ensure(session, repository, now), str(digest), now):
                events.append(
                    session,
                    "blob.mounted",
                    repository=repository,
                    digest=str(digest),
                    size=size,
                    actor=actor.principal,
                    request_id=actor.request_id,
                    at=now,
                )
            return True

        return await self._database.write(link)
