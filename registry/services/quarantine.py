"""Blobs whose stored bytes are not what their digest says: out of sight, so that the next push repairs them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from registry.metadata import blobs, events
from registry.metadata.blobs import Located
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.services.actor import SYSTEM, Actor
from storage.content import ContentStore
from storage.digest import Digest
from storage.errors import Damaged, NotFound, Unavailable

log = logging.getLogger(__name__)


class Quarantine:
    """`count` is called for every blob found damaged (a metric)."""

    def __init__(
        self, database: Database, content: ContentStore, pool: ThreadPoolExecutor, count: Callable[[], None]
    ) -> None:
        self._database = database
        self._content = content
        self._pool = pool
        self._count = count

    async def report(
        self, digest: Digest, blob: Located, reason: str, actor: Actor = SYSTEM, *, read_since: int | None = None
    ) -> None:
        """Quarantine `digest`, unless it is whole again. `blob` is what the index said before its bytes were read.

        Bytes of the right size that are wrong all the same were read from the time `read_since` (ms) on. What was
        published since then is not what was read.
        """
        local = self._content.local
        is_damaged = partial(self._is_damaged, digest, blob, read_since is not None)
        # Of a storage that is far away this cannot be asked under the write lock, as all writers would wait; instead,
        # nothing may have been published since the index was asked.
        if not local and not await asyncio.get_running_loop().run_in_executor(self._pool, is_damaged):
            return

        def quarantine(session: Session) -> bool:
            # Under the write lock, and so is the last look of a push that repairs: neither can undo the other.
            if not (is_damaged() if local else blobs.present(session, str(digest)) == blob):
                return False
            before = blobs.NEVER if read_since is None or not local else read_since
            if not blobs.quarantine(session, str(digest), reason, now_ms(), before=before):
                return False
            self._content.quarantine(digest)
            events.append(
                session,
                "blob.quarantined",
                "",
                digest=str(digest),
                size=blob.size,
                actor=actor.principal,
                request_id=actor.request_id,
                at=now_ms(),
            )
            return True

        if await self._database.write(quarantine):
            self._count()
            log.error("blob %s is damaged and was quarantined: %s; push it again to repair it", digest, reason)

    def _is_damaged(self, digest: Digest, blob: Located, was_read: bool) -> bool:
        """Raises Unavailable where nothing can be said."""
        if not self._content.has_marker():
            raise Unavailable("the storage is not where it was; is its disk mounted?")
        if was_read:
            return True
        try:
            self._content.check(digest, blob.size, place=blob.place)
        except (Damaged, NotFound):
            return True
        return False
