"""A manifest is pushed while blobs are collected: what it names is never taken between its checks and its commit.

The collector is the least that a collector may do, in one transaction: it takes a blob out of a repository when no
manifest there refers to it, no deleted one does, and no lease of it runs. It is tried at every moment of a push.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.metadata import blobs, manifests, schema
from registry.metadata.clock import now_ms
from registry.metadata.database import Database
from registry.metadata.session import Session
from registry.oci.errors import ManifestBlobUnknown
from registry.services.conditions import Conditions
from registry.services.group import GroupPut
from registry.services.manifests import Manifests
from registry.services.publish import Publisher
from storage.checked import Checked
from storage.content import ContentStore
from storage.digest import Digest
from storage.drivers import load
from tests.application import OCI_MANIFEST, digest_of, image
from tests.metadata.conftest import KINDS
from tests.services.parts import ACTOR

pytestmark = pytest.mark.anyio

CONFIG, LAYER = b"{}", b"a layer"
IMAGE = image(CONFIG, [LAYER])

TAKE = """
delete from repository_blobs where leased_until < {now} and not exists (
    select 1 from manifest_references f join manifests m on m.id = f.manifest_id join blobs b on b.digest = f.digest
    where b.id = repository_blobs.blob_id and m.repository_id = repository_blobs.repository_id
) and not exists (
    select 1 from deleted_references f join deleted_manifests m on m.id = f.manifest_id
    join blobs b on b.digest = f.digest join repositories r on r.name = m.repository
    where b.id = repository_blobs.blob_id and r.id = repository_blobs.repository_id
)
"""


def collect(database: Database) -> None:
    """In a process of its own, as far as the database knows."""
    database.write_now(lambda s: s.sql(TAKE.format(now=now_ms())))


class Scene:
    """Two workers over one database: one is pushed to, one collects."""

    def __init__(self, url: str, lease_seconds: float) -> None:
        self.pushing, self.collecting = Database.open(url), Database.open(url)
        self.pool = ThreadPoolExecutor(2)
        self.group = GroupPut(ContentStore(Checked(load("memory"))))
        self.publisher = Publisher(self.pushing, self.group._content, self.pool, self.group, lease_seconds)

    def manifests(self, *, sparse: bool) -> Manifests:
        return Manifests(self.pushing, 20, 100_000, sparse=sparse)

    async def push(self, *data: bytes) -> None:
        for one in data:
            await self.publisher.publish_bytes("app", Digest.of(one), one, ACTOR, None)

    def seen(self, data: bytes) -> bool:
        return self.pushing.read_now(lambda s: blobs.located(s, "app", digest_of(data))) is not None

    def close(self) -> None:
        self.group.close()
        self.pool.shutdown()
        self.pushing.close()
        self.collecting.close()


@pytest.fixture(params=sorted(KINDS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    made = KINDS[request.param](tmp_path)
    schema.upgrade(made)
    return made


@pytest.fixture
def scene(url: str) -> Iterator[Scene]:
    """Leases have lapsed as soon as they are taken: only references hold."""
    made = Scene(url, -1.0)
    yield made
    made.close()


@dataclass(frozen=True)
class Between(Conditions):
    """Looked at after its checks of blobs and before its commit: a collector starts right then."""

    database: Database | None = None
    threads: list[threading.Thread] = field(default_factory=list)

    def check(self, name: str, current: str | None) -> None:
        assert self.database is not None
        thread = threading.Thread(target=collect, args=(self.database,))
        thread.start()
        thread.join(0.3)  # it waits for the commit; without a lock it would be done long before
        self.threads.append(thread)


@pytest.mark.parametrize("sparse", [True, False])
async def test_a_collector_that_starts_between_check_and_commit_takes_nothing(scene: Scene, sparse: bool) -> None:
    await scene.push(CONFIG, LAYER)
    between = Between(database=scene.collecting)
    put = scene.manifests(sparse=sparse).put
    await put("app", "latest", IMAGE, OCI_MANIFEST, [], between, ACTOR)
    for thread in between.threads:
        thread.join()
    assert between.threads
    assert (scene.seen(CONFIG), scene.seen(LAYER)) == (True, True)


@pytest.mark.parametrize("sparse", [True, False])
async def test_what_was_taken_before_is_found_missing(scene: Scene, sparse: bool) -> None:
    await scene.push(CONFIG, LAYER)
    collect(scene.collecting)
    assert not scene.seen(LAYER)
    put = scene.manifests(sparse=sparse).put
    with pytest.raises(ManifestBlobUnknown):
        await put("app", "latest", IMAGE, OCI_MANIFEST, [], Conditions(), ACTOR)


@pytest.mark.parametrize("sparse", [True, False])
async def test_what_is_taken_by_a_commit_on_its_way_is_found_missing(scene: Scene, sparse: bool) -> None:
    """A check made before the transaction of the push would still see it."""
    await scene.push(CONFIG, LAYER)
    taken, go = threading.Event(), threading.Event()

    def take(session: Session) -> None:
        session.sql(TAKE.format(now=now_ms()))
        taken.set()
        go.wait(5)

    collector = threading.Thread(target=scene.collecting.write_now, args=(take,))
    collector.start()
    assert await asyncio.to_thread(taken.wait, 5)
    put = scene.manifests(sparse=sparse).put
    push = asyncio.create_task(put("app", "latest", IMAGE, OCI_MANIFEST, [], Conditions(), ACTOR))
    await asyncio.sleep(0.3)
    assert scene.seen(LAYER)
    go.set()
    with pytest.raises(ManifestBlobUnknown):
        await push
    collector.join()


@pytest.mark.parametrize("sparse", [True, False])
async def test_a_lease_holds_what_no_manifest_names_yet(url: str, sparse: bool) -> None:
    scene = Scene(url, 60.0)
    try:
        await scene.push(CONFIG, LAYER)
        collect(scene.collecting)
        put = scene.manifests(sparse=sparse).put
        await put("app", "latest", IMAGE, OCI_MANIFEST, [], Conditions(), ACTOR)
        assert (scene.seen(CONFIG), scene.seen(LAYER)) == (True, True)
    finally:
        scene.close()


async def test_a_deleted_manifest_holds_what_it_needs_until_it_is_pruned(scene: Scene) -> None:
    await scene.push(CONFIG, LAYER)
    store = scene.manifests(sparse=False)
    await store.put("app", "latest", IMAGE, OCI_MANIFEST, [], Conditions(), ACTOR)
    await store.delete("app", digest_of(IMAGE), Conditions(), ACTOR)
    collect(scene.collecting)
    assert (scene.seen(CONFIG), scene.seen(LAYER)) == (True, True)
    scene.pushing.write_now(prune)
    collect(scene.collecting)
    assert (scene.seen(CONFIG), scene.seen(LAYER)) == (False, False)


def prune(session: Session) -> None:
    manifests.prune_deleted(session, now_ms() + 1000, 9)
