"""Expiry of upload sessions: what nobody has touched for long goes, its bytes first."""

from __future__ import annotations

from registry.metadata import events
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.services.actor import SYSTEM
from registry.services.uploads import Uploads

BATCH = 100
"""Sessions removed in one run."""


async def expire_uploads(database: Database, uploads: Uploads, expire_after: float) -> int:
    """Remove sessions idle for `expire_after` seconds; how many."""
    removed = await uploads.expire(now_ms() - int(expire_after * 1000), BATCH)

    def record(session: Session) -> None:
        for row in removed:
            events.append(
                session,
                "upload.expired",
                repository=row.repository,
                size=row.offset,
                actor=SYSTEM.principal,
                at=now_ms(),
            )

    if removed:
        await database.write(record, durable=False)
    return len(removed)
