"""From verified bytes to a blob of a repository: once for all, whole, and never taken back by a quarantine."""

from __future__ import annotations

import asyncio
import errno
from functools import partial
from pathlib import Path

import pytest

from registry.metadata.blobs import Located
from registry.metadata.clock import now_ms
from registry.oci.errors import BlobUnknown, NameUnknown, Unavailable
from storage import paths
from storage.digest import Digest
from storage.drivers import load
from storage.errors import DigestMismatch, NotFound
from tests.application import Registry, digest_of
from tests.services.parts import ACTOR, Parts
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio

DATA, BAD = b"the bytes of a blob", b"the bytes 0f a blob"
DIGEST = Digest.of(DATA)


def publish(parts: Parts, name: str, repository: str = "app", data: bytes = DATA) -> asyncio.Task[int]:
    """A push whose bytes have arrived, on its way."""
    ingest = parts.ingest(name, data)
    return asyncio.create_task(parts.publisher.publish(repository, DIGEST, ingest, ACTOR, None))


async def served(parts: Parts, repository: str = "app") -> bytes:
    """What a pull gets."""
    blob = await parts.pull.blob(repository, DIGEST, ACTOR)
    assert blob.reader is not None
    with blob.reader:
        return blob.reader.read(1 << 20)


async def test_two_uploads_of_one_blob_at_once_are_one_blob(parts: Parts) -> None:
    sizes = await asyncio.gather(*(publish(parts, f"upload-{n}", f"repository-{n % 3}") for n in range(12)))
    assert set(sizes) == {len(DATA)}
    for number in range(3):
        assert await served(parts, f"repository-{number}") == DATA
    assert sorted(parts.kinds()) == ["blob.pushed"] * 3
    assert list(parts.driver.list("docker/registry/v2/blobs/sha256")) == [DIGEST.hex[:2]]
    assert [list(parts.driver.list(paths.upload_dir("app", f"upload-{n}"))) for n in range(12)] == [[]] * 12


async def test_good_bytes_replace_flipped_ones(parts: Parts) -> None:
    """Nobody has noticed the damage yet; what a push brings and has acknowledged is what is served."""
    await parts.push("app", DATA)
    parts.spoil(BAD, DIGEST)
    await parts.push("other", DATA)
    for repository in ("app", "other"):
        assert await served(parts, repository) == DATA


@pytest.mark.parametrize("what", [None, b"", DATA[:-1], DATA + b"!"])
async def test_a_known_blob_that_is_not_whole_is_written_again(parts: Parts, what: bytes | None) -> None:
    await parts.push("app", DATA)
    if what is None:
        parts.content.delete(DIGEST)
    else:
        parts.spoil(what, DIGEST)
    await parts.push("app", DATA)
    assert parts.stored(DIGEST) == DATA
    assert await served(parts) == DATA


async def test_other_bytes_are_refused_and_gone(parts: Parts) -> None:
    for known in (False, True):
        with pytest.raises(DigestMismatch):
            await publish(parts, f"upload-{known}", data=BAD)
        assert not any(parts.driver.list(paths.upload_dir("app", f"upload-{known}")))
        with pytest.raises(BlobUnknown if known else NameUnknown):
            await parts.pull.blob_size("app", Digest.of(BAD), ACTOR)
        await parts.push("app", DATA, f"good-{known}")
    assert await served(parts) == DATA


async def test_a_quarantine_of_new_bytes_before_they_are_recorded(parts: Parts) -> None:
    """The flipped bytes are gone already; their quarantine takes the new ones, which nobody was promised."""
    await parts.push("app", DATA)
    parts.content.delete(DIGEST)
    stored = parts.ingest("second", DATA).commit(DIGEST)
    await parts.quarantine.report(DIGEST, Located(len(DATA)), "flipped", read_since=now_ms() + 1)
    with pytest.raises(Unavailable):
        await parts.database.write(lambda session: parts.publisher._record(session, "app", DIGEST, stored, ACTOR, None))
    await parts.push("app", DATA, "third")
    assert await served(parts) == DATA


async def test_a_late_report_of_what_was_read_before_a_push(parts: Parts) -> None:
    """The check read the old bytes; a push repaired them and was acknowledged; then the check says what it saw."""
    await parts.push("app", DATA)
    await asyncio.sleep(0.002)
    read_since = now_ms()
    parts.content.delete(DIGEST)
    await parts.push("app", DATA, "second")
    await parts.quarantine.report(DIGEST, Located(len(DATA)), "flipped", read_since=read_since)
    assert await served(parts) == DATA
    assert parts.damaged == 0


async def test_a_late_report_of_what_was_missing_before_a_push(parts: Parts) -> None:
    await parts.push("app", DATA)
    parts.content.delete(DIGEST)
    with pytest.raises(NotFound):
        parts.content.check(DIGEST, len(DATA))
    await parts.push("app", DATA, "second")
    await parts.quarantine.report(DIGEST, Located(len(DATA)), "missing")
    assert await served(parts) == DATA
    assert parts.damaged == 0


async def test_reports_and_pushes_all_at_once(parts: Parts) -> None:
    """Whatever the order: after a push was acknowledged with bytes it wrote itself, the blob is there."""
    await parts.push("app", DATA)
    for turn in range(10):
        parts.content.delete(DIGEST)
        report = partial(parts.quarantine.report, DIGEST, Located(len(DATA)), "missing")
        reports = [asyncio.create_task(report()) for _ in range(3)]
        pushes = [publish(parts, f"upload-{turn}-{n}") for n in range(3)]
        results = await asyncio.gather(*pushes, return_exceptions=True)
        await asyncio.gather(*reports)
        assert all(result == len(DATA) or isinstance(result, Unavailable) for result in results), results
        if len(DATA) in results:
            assert await served(parts) == DATA
        else:
            await parts.push("app", DATA, f"again-{turn}")


async def test_pushing_a_known_blob_verifies_it(parts: Parts) -> None:
    for name, data in (("one", DATA), ("two", b"another"), ("three", DATA)):
        await parts.push("app", data, name)
        await asyncio.sleep(0.002)
    assert parts.due() == [digest_of(b"another"), str(DIGEST)]


async def test_a_failing_disk_leaves_nothing_half_done(tmp_path: Path) -> None:
    faults = Faults()
    async with Registry(tmp_path / "root", driver=Faulty(load("memory"), faults)) as registry:
        large = bytes(1 << 20)
        for operation, data in (("put", DATA), ("create", large), ("write", large), ("commit", large)):
            faults.fail(operation, errno.ENOSPC)
            answer = await registry.request("POST", f"/v2/app/blobs/uploads/?digest={digest_of(data)}", data)
            assert answer.status_code == 503, operation
            assert "full" in answer.text, operation
            assert (await registry.get(f"/v2/app/blobs/{digest_of(data)}")).status_code == 404
        for data in (DATA, large):
            await registry.push("app", data)


async def test_mount(parts: Parts) -> None:
    await parts.push("source", DATA)
    assert await parts.publisher.mount("app", DIGEST, "source", ACTOR)
    assert await parts.publisher.mount("elsewhere", DIGEST, None, ACTOR)
    assert not await parts.publisher.mount("third", DIGEST, "never", ACTOR)
    assert not await parts.publisher.mount("third", Digest.of(BAD), None, ACTOR)
    assert await parts.publisher.mount("app", DIGEST, "source", ACTOR)
    assert parts.kinds() == ["blob.pushed", "blob.mounted", "blob.mounted"]
    parts.content.delete(DIGEST)
    assert not await parts.publisher.mount("third", DIGEST, "source", ACTOR)
