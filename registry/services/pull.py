"""Pull: manifests and blobs of a repository (distribution spec, "Pull")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, NoReturn

from registry.metadata import blobs, manifests, repositories
from registry.metadata.database import Database
from registry.metadata.manifests import ManifestRow
from registry.oci.errors import BlobUnknown, ManifestUnknown, NameUnknown
from registry.services.actor import Actor
from registry.services.damage import Damage
from storage.content import ContentStore
from storage.digest import Digest
from storage.errors import Damaged, NotFound

RECENT_READS = 10_000
"""Digests remembered between two flushes of the reads; the check of stored bytes starts with them."""


@dataclass(slots=True)
class OpenBlob:
    """A blob's bytes from the start; the caller closes `reader`."""

    digest: Digest
    size: int
    reader: BinaryIO


class Pull:
    """Reads. `recent` collects the digests of blobs read, for the check of stored bytes."""

    def __init__(self, database: Database, content: ContentStore, damage: Damage) -> None:
        self._database = database
        self._content = content
        self._damage = damage
        self.recent: set[str] = set()

    async def manifest(self, repository: str, reference: str) -> ManifestRow:
        """By tag or digest. Raises ManifestUnknown, NameUnknown."""
        by = manifests.by_digest if ":" in reference else manifests.by_tag
        row = await self._database.read(lambda session: by(session, repository, reference))
        if row is None:
            await self.known(repository)
            raise ManifestUnknown(
                f"{repository} has no manifest {reference}", {"name": repository, "reference": reference}
            )
        return row

    async def blob_size(self, repository: str, digest: Digest, actor: Actor) -> int:
        """Its size in bytes, the stored file looked at. Raises BlobUnknown, NameUnknown."""
        size = await self._size(repository, digest)
        try:
            self._content.check(digest, size)
        except (NotFound, Damaged) as error:
            await self._damaged(repository, digest, size, error, actor)
        return size

    async def blob(self, repository: str, digest: Digest, actor: Actor) -> OpenBlob:
        """Open it. Raises BlobUnknown (also when the stored bytes turn out damaged), NameUnknown."""
        size = await self._size(repository, digest)
        try:
            reader = self._content.open(digest, size)
        except (NotFound, Damaged) as error:
            await self._damaged(repository, digest, size, error, actor)
        self.read(str(digest))
        return OpenBlob(digest, size, reader)

    def read(self, digest: str) -> None:
        """Remember that a blob was read."""
        if len(self.recent) < RECENT_READS:
            self.recent.add(digest)

    async def known(self, repository: str) -> None:
        """Raises NameUnknown when nothing was ever pushed there."""
        if await self._database.read(lambda session: repositories.find(session, repository)) is None:
            raise NameUnknown(f"repository {repository} is not known here", {"name": repository})

    async def _size(self, repository: str, digest: Digest) -> int:
        size = await self._database.read(lambda session: blobs.size_in(session, repository, str(digest)))
        if size is None:
            await self.known(repository)
            raise unknown(repository, digest)
        return size

    async def _damaged(self, repository: str, digest: Digest, size: int, error: Exception, actor: Actor) -> NoReturn:
        await self._damage.report(digest, size, str(error), actor)
        raise unknown(repository, digest)


def unknown(repository: str, digest: Digest) -> BlobUnknown:
    return BlobUnknown(f"{repository} has no blob {digest}", {"name": repository, "digest": str(digest)})
