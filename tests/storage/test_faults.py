"""Errors of the system, injected at the driver: each becomes its storage error, and nothing is lost or half done."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import paths
from storage.checked import Checked
from storage.content import ContentStore, IngestState
from storage.digest import Digest
from storage.drivers import load
from storage.errors import NoSpace, NotFound, ReadOnly, StorageError, Unavailable
from storage.ingest import BESIDE, Ingest
from tests.storage.faulty import Faults, Faulty

UPLOAD = paths.upload_data("team/app", "1")
DATA = b"0123456789"
DIGEST = Digest.of(DATA)

LARGE = DATA + bytes(BESIDE)
"""Written by a thread of its own."""

NUMBERS = {
    errno.ENOSPC: NoSpace,
    errno.EDQUOT: NoSpace,
    errno.EROFS: ReadOnly,
    errno.EACCES: ReadOnly,
    errno.EPERM: ReadOnly,
    errno.ENOENT: NotFound,
    errno.ENOTDIR: NotFound,
    errno.EIO: Unavailable,
    errno.EMFILE: Unavailable,
    errno.ESTALE: Unavailable,
}


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture(params=["memory", "filesystem"])
def driver(request: pytest.FixtureRequest, tmp_path: Path, faults: Faults) -> Checked:
    return Checked(Faulty(load(request.param, path=str(tmp_path / "storage")), faults))


@pytest.fixture
def content(driver: Checked) -> ContentStore:
    return ContentStore(driver)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_operation_translates(driver: Checked, faults: Faults, number: int) -> None:
    driver.put("a", DATA)
    writer = driver.create("u/data")
    calls = {
        "stat": lambda: driver.stat("a"),
        "open": lambda: driver.open("a"),
        "read": lambda: driver.read("a", 1),
        "put": lambda: driver.put("b", b""),
        "sync": driver.sync,
        "create": lambda: driver.create("c"),
        "resume": lambda: driver.resume("u/data"),
        "move": lambda: driver.move("a", "b"),
        "delete": lambda: driver.delete("a"),
        "delete_tree": lambda: driver.delete_tree("a"),
        "list": lambda: driver.list(""),
        "probe": driver.probe,
        "write": lambda: writer.write(b"x"),
        "commit": lambda: writer.commit("b"),
        "suspend": writer.suspend,
        "cancel": writer.cancel,
    }
    for operation, call in calls.items():
        faults.fail(operation, number)
        with pytest.raises(StorageError) as caught:
            call()
        assert type(caught.value) is NUMBERS[number], operation
        assert isinstance(caught.value.__cause__, OSError)
    assert driver.read("a", 100) == DATA


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("data", [DATA, LARGE], ids=["hashed after", "hashed beside"])
def test_a_failed_write_can_be_tried_again(content: ContentStore, faults: Faults, number: int, data: bytes) -> None:
    ingest = content.begin(UPLOAD)
    faults.fail("write", number, at=2)
    ingest.write(data[:4])
    with pytest.raises(StorageError):
        ingest.write(data[4:])
    assert ingest.offset == 4
    ingest.write(data[4:])
    assert ingest.commit(Digest.of(data)).size == len(data)


ENDS: list[Callable[[Ingest], object]] = [
    Ingest.settle,
    lambda ingest: ingest.feed(b""),
    lambda ingest: ingest.feed(LARGE),
    lambda ingest: ingest.write(b"more"),
    lambda ingest: ingest.digest("sha256"),
    lambda ingest: ingest.commit(Digest.of(b"some" + LARGE)),
    Ingest.suspend,
]
"""What comes after a piece that is on its way."""


@pytest.mark.parametrize("end", ENDS)
def test_what_became_of_a_piece_on_its_way_is_told_by_what_comes_next(
    content: ContentStore, faults: Faults, end: Callable[[Ingest], object]
) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(b"some")
    faults.fail("write", errno.ENOSPC)
    ingest.feed(LARGE)
    with pytest.raises(NoSpace):
        end(ingest)
    assert ingest.offset == content.partial_size(UPLOAD) == 4
    state = ingest.suspend() if end is not Ingest.suspend else IngestState(0, {}, "")
    ingest = content.resume(UPLOAD, state)
    ingest.write(LARGE)
    assert ingest.commit(Digest.of(b"some" + LARGE)).size == 4 + len(LARGE)


def test_cancel_waits_for_a_piece_on_its_way_and_removes_it(content: ContentStore, faults: Faults) -> None:
    for number in (errno.ENOSPC, 0):
        ingest = content.begin(UPLOAD)
        if number:
            faults.fail("write", number)
        ingest.feed(LARGE)
        ingest.cancel()
        assert content.partial_size(UPLOAD) == 0


def test_a_piece_is_used_until_the_next_call_only(content: ContentStore, faults: Faults) -> None:
    memory = bytearray(LARGE)
    ingest = content.begin(UPLOAD)
    go = faults.hold("write")
    ingest.feed(memory)
    assert ingest.offset == 0, "it is not waited for"
    waiter = threading.Thread(target=ingest.feed, args=(b"",))
    waiter.start()
    waiter.join(0.2)
    waits = waiter.is_alive()
    go.set()
    waiter.join()
    assert waits, "it is waited for now"
    memory[:] = bytes(len(memory))
    assert ingest.commit(Digest.of(LARGE)).size == len(LARGE)


def test_after_an_interrupt_a_piece_on_its_way_is_waited_for_all_the_same(
    content: ContentStore, faults: Faults
) -> None:
    ingest = content.begin(UPLOAD)
    go = faults.hold("write")
    ingest.feed(LARGE)
    interrupt = threading.Timer(0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        ingest.settle()
    interrupt.join()
    ending = threading.Thread(target=ingest.cancel)
    ending.start()
    ending.join(0.2)
    waits = ending.is_alive()
    go.set()
    ending.join()
    assert waits, "its file must not be closed under the thread that writes to it"
    assert content.partial_size(UPLOAD) == 0


def test_a_failed_write_can_be_suspended(content: ContentStore, faults: Faults) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(DATA[:4])
    faults.fail("write", errno.ENOSPC)
    with pytest.raises(NoSpace):
        ingest.write(DATA[4:])
    state = IngestState.decode(ingest.suspend().encode())
    assert state.offset == content.partial_size(UPLOAD) == 4
    ingest = content.resume(UPLOAD, state)
    ingest.write(DATA[4:])
    assert ingest.commit(DIGEST).size == len(DATA)


def test_a_failed_commit_shows_nothing_and_can_be_tried_again(content: ContentStore, faults: Faults) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(DATA)
    faults.fail("commit", errno.ENOSPC)
    with pytest.raises(NoSpace):
        ingest.commit(DIGEST)
    with pytest.raises(NotFound):
        content.check(DIGEST, len(DATA))
    assert content.resume(UPLOAD, ingest.suspend()).commit(DIGEST).size == len(DATA)


def test_an_unreadable_partial_file_is_not_published(content: ContentStore, faults: Faults) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(DATA)
    ingest._rehash()
    faults.fail("open", errno.EIO)
    with pytest.raises(Unavailable):
        ingest.commit(DIGEST)
    assert ingest.commit(DIGEST).size == len(DATA)


def test_observe_tells_answers_from_trouble(tmp_path: Path, faults: Faults) -> None:
    seen: list[tuple[str, bool]] = []
    driver = Checked(Faulty(load("memory"), faults), lambda name, seconds, ok: seen.append((name, ok and seconds >= 0)))
    driver.put("a", b"")
    with pytest.raises(NotFound):
        driver.stat("b")
    faults.fail("stat", errno.EIO)
    with pytest.raises(Unavailable):
        driver.stat("a")
    writer = driver.create("u")
    writer.write(b"")
    writer.commit("c")
    assert seen == [
        ("put", True), ("stat", True), ("stat", False), ("create", True), ("write", True), ("commit", True),
    ]  # fmt: skip
