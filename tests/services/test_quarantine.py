"""A damaged blob: noticed when it is opened, out of sight everywhere, and whole again after the next push."""

from __future__ import annotations

import asyncio

import pytest

from registry.metadata.blobs import Located
from registry.oci.errors import BlobUnknown, NameUnknown
from storage import paths
from storage.digest import Digest
from storage.errors import NotFound
from tests.services.parts import ACTOR, Parts

pytestmark = pytest.mark.anyio

DATA = b"the bytes of a blob"
DIGEST = Digest.of(DATA)


async def read(parts: Parts, repository: str) -> bytes:
    blob = await parts.pull.blob(repository, DIGEST, ACTOR)
    assert blob.reader is not None
    with blob.reader:
        return blob.reader.read(1 << 20)


@pytest.mark.parametrize("what", [None, b"", DATA[:-1], DATA + b"!"])
@pytest.mark.parametrize("head", [True, False])
async def test_noticed_quarantined_repaired(parts: Parts, what: bytes | None, head: bool) -> None:
    for repository in ("one", "two"):
        await parts.push(repository, DATA, repository)
    if what is None:
        parts.content.delete(DIGEST)
    else:
        parts.spoil(what, DIGEST)
    for _ in range(2):
        with pytest.raises(BlobUnknown):
            await (parts.pull.blob_size("one", DIGEST, ACTOR) if head else read(parts, "one"))
    assert parts.damaged == 1
    with pytest.raises(BlobUnknown):
        await read(parts, "two")
    with pytest.raises(NotFound):
        parts.stored(DIGEST)
    if what is not None:
        assert parts.driver.read(paths.quarantine(DIGEST), 100) == what
    await parts.push("two", DATA, "again")
    assert await read(parts, "one") == await read(parts, "two") == DATA
    assert parts.kinds() == ["blob.pushed", "blob.pushed", "blob.quarantined", "blob.repaired"]


async def test_many_who_notice_at_once_report_once(parts: Parts) -> None:
    await parts.push("one", DATA)
    parts.content.delete(DIGEST)
    await asyncio.gather(*(read(parts, "one") for _ in range(10)), return_exceptions=True)
    assert parts.damaged == 1
    assert parts.kinds().count("blob.quarantined") == 1


async def test_a_report_of_what_is_whole_is_ignored(parts: Parts) -> None:
    await parts.push("one", DATA)
    await parts.quarantine.report(DIGEST, Located(len(DATA)), "a mistake")
    assert await read(parts, "one") == DATA
    assert parts.damaged == 0


async def test_what_was_read_is_remembered_for_the_check(parts: Parts) -> None:
    await parts.push("one", DATA)
    await parts.pull.blob_size("one", DIGEST, ACTOR)
    assert parts.pull.noted.reads == set()
    await read(parts, "one")
    assert parts.pull.noted.reads == {str(DIGEST)}


async def test_nothing_is_seen_from_where_it_was_not_pushed(parts: Parts) -> None:
    await parts.push("one", DATA)
    await parts.push("two", b"another", "two")
    with pytest.raises(BlobUnknown):
        await read(parts, "two")
    with pytest.raises(NameUnknown):
        await read(parts, "three")
