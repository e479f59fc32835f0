"""Blobs whose stored bytes are not what their digest says: out of sight, so that the next push repairs them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from registry.metadata import blobs, events
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.services.actor import SYSTEM, Actor
from storage.content import ContentStore
from storage.digest import Digest
from storage.errors import Damaged, NotFound, Unavailable

log = logging.getLogger(__name__)


class Damage:
    """Quarantine. `count` is told of every blob found damaged (a metric)."""

    def __init__(self, database: Database, content: ContentStore, count: Callable[[], None]) -> None:
        self._database = database
        self._content = content
        self._count = count

    async def report(
        self, digest: Digest, size: int, reason: str, actor: Actor = SYSTEM, *, read_since: int | None = None
    ) -> None:
        """Quarantine `digest`, unless it is whole again.

        Bytes of the right size that are wrong all the same were read from the time `read_since` (ms) on. What was
        published since then is not what was read.
        """

        def quarantine(session: Session) -> bool:
            if not self._content.is_home():
                raise Unavailable("the storage is not where it was; is its disk mounted?")
            # Under the write lock, and so is the last look of a push that repairs: neither can undo the other.
            if read_since is None and self._whole(digest, size):
                return False
            before = blobs.NEVER if read_since is None else read_since
            if not blobs.quarantine(session, str(digest), reason, now_ms(), before=before):
                return False
            self._content.quarantine(digest)
            events.append(
                session,
                "blob.quarantined",
                "",
                digest=str(digest),
                size=size,
                actor=actor.principal,
                request_id=actor.request_id,
                at=now_ms(),
            )
            return True

        if await self._database.write(quarantine):
            self._count()
            log.error("blob %s is damaged and was quarantined: %s; push it again to repair it", digest, reason)

    def _whole(self, digest: Digest, size: int) -> bool:
        try:
            self._content.check(digest, size)
        except (Damaged, NotFound):
            return False
        return True
