"""Pull: manifests and blobs of a repository (distribution spec, "Pull")."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, NoReturn

from registry.metadata import blobs, manifests, repositories
from registry.metadata.blobs import Located
from registry.metadata.database import Database
from registry.metadata.manifests import ManifestRow
from registry.metadata.session import Session
from registry.oci.errors import BlobUnknown, ManifestUnknown, NameUnknown, RegistryFault
from registry.services.actor import Actor
from registry.services.noted import Noted
from registry.services.quarantine import Quarantine
from storage.content import ContentStore
from storage.digest import Digest
from storage.errors import Damaged, NotFound


@dataclass(slots=True)
class FoundBlob:
    """A blob of a repository, and its bytes from the start where they are at hand; the caller closes `reader`."""

    repository: str
    digest: Digest
    where: Located
    reader: BinaryIO | None = None

    @property
    def size(self) -> int:
        return self.where.size

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()


class Pull:
    """Reads. What they leave to be written down is in `noted`."""

    def __init__(
        self,
        database: Database,
        content: ContentStore,
        quarantine: Quarantine,
        pool: ThreadPoolExecutor,
        noted: Noted,
    ) -> None:
        self._database = database
        self._content = content
        self._quarantine = quarantine
        self._pool = pool
        self.noted = noted

    async def manifest(self, repository: str, reference: str, actor: Actor) -> ManifestRow:
        """By tag or digest. Raises ManifestUnknown, NameUnknown."""
        by = manifests.by_digest if ":" in reference else manifests.by_tag
        row = await self._database.read(lambda session: by(session, repository, reference))
        if row is None:
            raise await self._database.read(lambda session: missing_manifest(session, repository, reference))
        return row

    async def blob_size(self, repository: str, digest: Digest, actor: Actor) -> int:
        """Its size in bytes; a local file is looked at. Raises BlobUnknown, NameUnknown."""
        found = await self._located(repository, digest)
        if self._content.local:
            try:
                self._content.check(digest, found.size, place=found.place)
            except (NotFound, Damaged) as error:
                await self._damaged(repository, digest, found, error, actor)
        self.noted.confirm((repository, str(digest)))
        return found.size

    async def blob(self, repository: str, digest: Digest, actor: Actor) -> FoundBlob:
        """Find it, and open it where it is local. Raises BlobUnknown (damaged as well), NameUnknown."""
        found = FoundBlob(repository, digest, await self._located(repository, digest))
        if self._content.local:
            try:
                found.reader = self._content.open(digest, found.size, place=found.where.place)
            except (NotFound, Damaged) as error:
                await self._damaged(repository, digest, found.where, error, actor)
        self.noted.read(str(digest))
        return found

    async def opened(self, blob: FoundBlob, start: int, length: int, actor: Actor) -> BinaryIO:
        """Its reader, at least for the `length` bytes from `start`. Raises BlobUnknown when it turns out damaged."""
        if blob.reader is not None:
            return blob.reader
        place = blob.where.place
        open_it = partial(self._content.open, blob.digest, blob.size, start, length, place=place)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, open_it)
        except (NotFound, Damaged) as error:
            await self._damaged(blob.repository, blob.digest, blob.where, error, actor)

    async def signed(self, blob: FoundBlob, seconds: int) -> str | None:
        """A URL to fetch its bytes from for so many seconds; None where the storage makes none."""
        headers = {"content-type": "application/octet-stream"}
        # The keys of a role may have to be fetched again, which takes a while.
        sign = partial(self._content.presign, blob.digest, seconds, headers, place=blob.where.place)
        return await asyncio.get_running_loop().run_in_executor(self._pool, sign)

    async def _located(self, repository: str, digest: Digest) -> Located:
        found = await self._database.read(lambda session: find_blob(session, repository, str(digest)))
        if isinstance(found, RegistryFault):
            raise found
        return found

    async def _damaged(
        self, repository: str, digest: Digest, where: Located, error: Exception, actor: Actor
    ) -> NoReturn:
        await self._quarantine.report(digest, where, str(error), actor)
        raise unknown(repository, str(digest))


def missing_manifest(session: Session, repository: str, reference: str) -> RegistryFault:
    """Why there is none: NameUnknown where nothing was ever pushed, else ManifestUnknown."""
    if repositories.find(session, repository) is None:
        return _unknown_name(repository)
    return ManifestUnknown(f"{repository} has no manifest {reference}", {"name": repository, "reference": reference})


def find_blob(session: Session, repository: str, digest: str) -> Located | RegistryFault:
    """A blob of the repository, or why there is none."""
    found = blobs.found(session, repository, digest)
    if isinstance(found, bool):
        return unknown(repository, digest) if found else _unknown_name(repository)
    return found


def unknown(repository: str, digest: str) -> BlobUnknown:
    return BlobUnknown(f"{repository} has no blob {digest}", {"name": repository, "digest": digest})


def _unknown_name(repository: str) -> NameUnknown:
    return NameUnknown(f"repository {repository} is not known here", {"name": repository})
