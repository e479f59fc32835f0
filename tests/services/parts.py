"""The parts of a registry, put together as registry.app does, for tests that take their steps one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from registry.metadata import blobs, events
from registry.metadata.database import Database
from registry.services.actor import Actor
from registry.services.group import GroupPut
from registry.services.noted import Noted
from registry.services.publish import Publisher
from registry.services.pull import Pull
from registry.services.quarantine import Quarantine
from registry.services.scrubber import Scrubber
from storage import paths
from storage.checked import Checked
from storage.content import ContentStore, Ingest
from storage.digest import Digest
from storage.driver import Driver
from tests.databases import database_of

LEASE_SECONDS = 1000.0

ACTOR = Actor("anonymous", "127.0.0.1", "test")


class Parts:
    """Over one folder and one driver; several may share both, as workers do."""

    def __init__(self, root: Path, driver: Driver) -> None:
        root.mkdir(exist_ok=True)
        self.driver = driver
        self.database = Database.open(database_of(root))
        self.pool = ThreadPoolExecutor(4)
        self.content = ContentStore(Checked(driver))
        self.content.write_marker()
        self.damaged = 0
        self.quarantine = Quarantine(self.database, self.content, self.pool, self._count)
        self.group = GroupPut(self.content)
        self.publisher = Publisher(self.database, self.content, self.pool, self.group, LEASE_SECONDS)
        noted = Noted(self.database, LEASE_SECONDS)
        self.pull = Pull(self.database, self.content, self.quarantine, self.pool, noted)

    def close(self) -> None:
        self.group.close()
        self.pool.shutdown()
        self.database.close()

    def scrubber(self, rate: int = 1 << 30, again_after: float = 0.0) -> Scrubber:
        return Scrubber(self.database, self.content, self.quarantine, self.pool, rate, again_after)

    def ingest(self, name: str, data: bytes, algorithm: str = "sha256") -> Ingest:
        """Bytes that have arrived under an upload of this name."""
        ingest = self.content.begin(paths.upload_data("app", name), algorithm)
        ingest.write(data)
        return ingest

    async def push(self, repository: str, data: bytes, name: str = "upload") -> Digest:
        digest = Digest.of(data)
        await self.publisher.publish(repository, digest, self.ingest(name, data), ACTOR, None)
        return digest

    def spoil(self, data: bytes, digest: Digest) -> None:
        """Put other bytes where the blob's are."""
        self.driver.put(paths.blob_data(digest), data)

    def stored(self, digest: Digest) -> bytes:
        return self.driver.read(paths.blob_data(digest), 1 << 30)

    def state(self, digest: Digest) -> int | None:
        """The size of a blob that is present."""
        found = self.database.read_now(lambda session: blobs.present(session, str(digest)))
        return None if found is None else found.size

    def kinds(self) -> list[str]:
        """The kinds of all events, in order."""
        return [event.kind for event in self.database.read_now(lambda session: events.after(session, 0, 1000))]

    def due(self) -> list[str]:
        """Every blob, in the order of its verification."""
        later = 1 << 60
        return [text for text, _ in self.database.read_now(lambda session: blobs.to_verify(session, later, 1000))]

    def _count(self) -> None:
        self.damaged += 1
