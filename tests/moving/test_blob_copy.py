"""Blobs go to another storage whole or not at all; what is wrong with one is said of that one."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.metadata import blobs
from registry.metadata.clock import now_ms
from registry.moving import blob_copy
from registry.moving.blob_copy import BlobCopy
from storage import paths
from storage.checked import Checked
from storage.content import ContentStore
from storage.digest import Digest
from storage.drivers import load
from storage.errors import NotFound, Unavailable
from tests.services.parts import Parts
from tests.storage.faulty import Faults, Faulty

pytestmark = pytest.mark.anyio


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Parts]:
    parts = Parts(tmp_path / "source", load("filesystem", path=str(tmp_path / "source" / "storage")))
    yield parts
    parts.close()


@pytest.fixture
def destination(tmp_path: Path) -> Checked:
    return Checked(load("filesystem", path=str(tmp_path / "destination")))


def copying(source: Parts, destination: Checked, *, verify: bool = False, skip_damaged: bool = False) -> BlobCopy:
    return BlobCopy(source.database, source.content, destination, threads=2, verify=verify, skip_damaged=skip_damaged)


def failures_of(copy: BlobCopy) -> dict[str, str]:
    """Run it; reasons by digest, all of which are the fault of the bytes."""
    found = copy.run()
    assert all(failure.damaged for failure in found)
    return {failure.digest: failure.reason for failure in found}


async def push(source: Parts, count: int) -> list[Digest]:
    return [await source.push("app", b"%d" % number, f"upload{number}") for number in range(count)]


async def test_a_second_run_copies_what_came_since(source: Parts, destination: Checked) -> None:
    first = await push(source, 9)
    copy = copying(source, destination)
    assert copy.run() == []
    assert (copy.progress.blobs, copy.progress.copied, copy.progress.bytes) == (9, 9, 9)
    later = await source.push("app", b"later", "later")
    assert copy.run() == []
    assert copy.progress.copied == 10
    for digest in [*first, later]:
        assert copy.place(str(digest)) == ""
        assert destination.read(paths.blob_data(digest), 9) == source.driver.read(paths.blob_data(digest), 9)
    assert ContentStore(destination).has_marker()
    again = copying(source, destination)
    assert again.run() == []
    assert (again.progress.blobs, again.progress.copied, again.progress.bytes) == (10, 0, 0)


async def test_a_damaged_blob_is_named_and_not_copied(source: Parts, destination: Checked) -> None:
    whole, flipped, short, gone = await push(source, 4)
    source.driver.put(paths.blob_data(flipped), b"x")
    source.driver.put(paths.blob_data(short), b"")
    source.driver.delete(paths.blob_data(gone))
    copy = copying(source, destination)
    failures = failures_of(copy)
    assert failures.keys() == {str(flipped), str(short), str(gone)}
    assert str(Digest.of(b"x")) in failures[str(flipped)]
    assert "should have 1" in failures[str(short)]
    assert destination.read(paths.blob_data(whole), 9) == b"0"
    for digest in (flipped, short, gone):
        with pytest.raises(NotFound):
            destination.stat(paths.blob_data(digest))
        with pytest.raises(KeyError):
            copy.place(str(digest))
    source.driver.put(paths.blob_data(gone), b"3")
    assert failures_of(copy).keys() == {str(flipped), str(short)}


async def test_damaged_blobs_are_skipped_when_that_is_asked_for(source: Parts, destination: Checked) -> None:
    pushed = await push(source, 40)
    for digest in pushed[1:31]:
        source.driver.put(paths.blob_data(digest), b"xx" if digest.hex < "8" else b"x")
    unreadable = pushed[0]
    source.driver.delete(paths.blob_data(unreadable))
    copy = copying(source, destination, skip_damaged=True)
    assert copy.run() == []  # and more of them than failures end a copy
    assert copy.skipped.keys() == {str(digest) for digest in pushed[:31]}
    assert "is not there" in copy.skipped[str(unreadable)]
    assert copy.place(str(unreadable)) is None
    assert [copy.place(str(digest)) for digest in pushed[31:]] == [""] * 9
    source.driver.put(paths.blob_data(unreadable), b"0")
    assert copy.run() == []
    assert copy.place(str(unreadable)) == ""
    assert len(copy.skipped) == 30


async def test_a_source_that_is_not_mounted_is_no_damage(source: Parts, destination: Checked) -> None:
    (digest, *_) = await push(source, 3)
    source.driver.delete(paths.MARK)
    source.driver.delete(paths.blob_data(digest))
    with pytest.raises(Unavailable, match="is its disk mounted"):
        copying(source, destination, skip_damaged=True).run()


async def test_a_blob_out_of_sight_is_not_missed(source: Parts, destination: Checked) -> None:
    hidden, other = await push(source, 2)
    source.driver.delete(paths.blob_data(hidden))
    copy = copying(source, destination)
    assert failures_of(copy).keys() == {str(hidden)}
    await source.database.write(lambda session: blobs.quarantine(session, str(hidden), "it is gone", now_ms()))
    assert copy.run() == []
    assert copy.place(str(other)) == ""


async def test_verify_reads_what_is_there_and_copies_it_again(source: Parts, destination: Checked) -> None:
    right, flipped = await push(source, 2)
    assert copying(source, destination).run() == []
    destination.put(paths.blob_data(flipped), b"x")
    assert copying(source, destination).run() == []
    assert destination.read(paths.blob_data(flipped), 9) == b"x"
    copy = copying(source, destination, verify=True)
    assert copy.run() == []
    assert copy.progress.copied == 1
    assert destination.read(paths.blob_data(right), 9) == b"0"
    assert destination.read(paths.blob_data(flipped), 9) == b"1"


async def test_what_a_killed_copy_left_is_no_hindrance(source: Parts, destination: Checked) -> None:
    (digest,) = await push(source, 1)
    path = paths.upload_data(blob_copy.REPOSITORY, digest.hex[:32])
    left = destination.create(path)
    left.write(b"half")
    left.suspend()
    assert copying(source, destination).run() == []
    assert destination.read(paths.blob_data(digest), 9) == b"0"
    with pytest.raises(NotFound):
        destination.stat(path)


async def test_a_bad_sector_is_damage_and_a_bad_destination_is_not(tmp_path: Path, destination: Checked) -> None:
    faults = Faults()
    driver = Faulty(load("filesystem", path=str(tmp_path / "source" / "storage")), faults)
    source = Parts(tmp_path / "source", driver)
    await push(source, 1)
    faults.fail("open", errno.EIO)
    copy = copying(source, destination, skip_damaged=True)
    assert copy.run() == []
    assert "Input/output error" in copy.skipped.popitem()[1]
    troubled = Checked(Faulty(load("filesystem", path=str(tmp_path / "other")), faults))
    faults.fail("write", errno.EIO)
    copy = copying(source, troubled, skip_damaged=True)
    (failure,) = copy.run()
    assert (failure.damaged, copy.skipped) == (False, {})
    source.close()
