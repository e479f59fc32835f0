"""Delete of a blob from a repository (distribution spec, "Deleting blobs"). The bytes stay for other repositories."""

from __future__ import annotations

from registry.metadata import blobs, events, repositories
from registry.metadata.clock import now_ms
from registry.metadata.database import Database, Session
from registry.oci.errors import NameUnknown
from registry.services.actor import Actor
from registry.services.pull import unknown
from storage.digest import Digest


async def delete_blob(database: Database, repository: str, digest: Digest, actor: Actor) -> None:
    """Raises BlobUnknown, NameUnknown."""

    def delete(session: Session) -> None:
        repository_id = repositories.find(session, repository)
        if repository_id is None:
            raise NameUnknown(f"repository {repository} is not known here", {"name": repository})
        if not blobs.unlink(session, repository, str(digest)):
            raise unknown(repository, str(digest))
        repositories.drop_if_empty(session, repository_id)
        events.append(
            session,
            "blob.deleted",
            repository=repository,
            digest=str(digest),
            actor=actor.principal,
            request_id=actor.request_id,
            at=now_ms(),
        )

    await database.write(delete)
