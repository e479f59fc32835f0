"""The contract of a driver, run by every driver and through every wrapper."""

from __future__ import annotations

import contextlib
import gc
import threading
import time

import pytest

from storage.driver import Driver, LocalFiles
from storage.errors import Busy, Exists, NotFound, OffsetMismatch

PARTIAL = "r/_uploads/1/data"
BLOB = "blobs/ab/abc/data"


def partial(driver: Driver, data: bytes = b"hello") -> None:
    writer = driver.create(PARTIAL)
    writer.write(data)
    writer.suspend()


def test_put_read_stat_delete(driver: Driver) -> None:
    driver.put("a/b", b"one")
    driver.put("a/b", b"three", durable=False)
    driver.sync()
    assert driver.read("a/b", 100) == b"three"
    assert driver.read("a/b", 2) == b"th"
    found = driver.stat("a/b")
    assert found.size == 5
    assert abs(found.modified - time.time()) < 60
    driver.delete("a/b")
    with pytest.raises(NotFound):
        driver.stat("a/b")


def test_what_is_not_there(driver: Driver) -> None:
    driver.put("folder/file", b"")
    for path in ("none", "none/at/all", "folder", "folder/file/below"):
        for call in (driver.stat, driver.open, driver.resume, lambda path: driver.read(path, 1)):
            with pytest.raises(NotFound):
                call(path)
    for path in ("none", "none/at/all"):
        for remove in (driver.delete, driver.delete_tree, lambda path: driver.move(path, "x")):
            with pytest.raises(NotFound):
                remove(path)
    assert list(driver.list("none/at/all")) == []


def test_open_from_an_offset(driver: Driver) -> None:
    driver.put("a", b"0123456789")
    with driver.open("a", 4) as reader:
        assert reader.read(3) == b"456"
        assert reader.seek(0, 2) == 10
        reader.seek(8)
        assert reader.read() == b"89"
        assert reader.read(1) == b""


def test_an_open_reader_outlives_delete_and_replace(driver: Driver) -> None:
    driver.put("a", b"old")
    with driver.open("a") as reader:
        driver.put("a", b"new")
        driver.delete("a")
        assert reader.read() == b"old"


def test_commit_publishes_whole(driver: Driver) -> None:
    writer = driver.create(PARTIAL)
    writer.write(b"hello ")
    writer.write(memoryview(bytearray(b"_world_"))[1:6])
    assert writer.size == writer.stat().size == driver.stat(PARTIAL).size == 11
    assert driver.read(PARTIAL, 100) == b"hello world"
    with pytest.raises(NotFound):
        driver.stat(BLOB)
    writer.commit(BLOB)
    assert driver.read(BLOB, 100) == b"hello world"
    with pytest.raises(NotFound):
        driver.stat(PARTIAL)
    writer.cancel()
    writer.suspend()
    assert driver.stat(BLOB).size == 11


def test_commit_replaces(driver: Driver) -> None:
    driver.put(BLOB, b"damaged")
    writer = driver.create(PARTIAL)
    writer.write(b"right")
    writer.commit(BLOB)
    assert driver.read(BLOB, 100) == b"right"


def test_cancel_removes_and_is_idempotent(driver: Driver) -> None:
    writer = driver.create(PARTIAL)
    writer.write(b"x")
    writer.cancel()
    writer.cancel()
    with pytest.raises(NotFound):
        driver.stat(PARTIAL)
    driver.create(PARTIAL).cancel()


def test_resume_goes_on_at_the_end(driver: Driver) -> None:
    partial(driver)
    writer = driver.resume(PARTIAL)
    assert writer.size == 5
    writer.write(b"!")
    writer.commit(BLOB)
    assert driver.read(BLOB, 100) == b"hello!"


def test_resume_at_an_offset_drops_what_is_past_it(driver: Driver) -> None:
    partial(driver)
    with pytest.raises(OffsetMismatch) as caught:
        driver.resume(PARTIAL, 6)
    assert caught.value.offset == 5
    writer = driver.resume(PARTIAL, 2)
    assert writer.size == 2
    writer.write(b"y")
    writer.suspend()
    assert driver.read(PARTIAL, 100) == b"hey"


def test_one_writer_at_a_time(driver: Driver) -> None:
    writer = driver.create(PARTIAL)
    with pytest.raises(Exists):
        driver.create(PARTIAL)
    with pytest.raises(Busy):
        driver.resume(PARTIAL)
    writer.suspend()
    with pytest.raises(Exists):
        driver.create(PARTIAL)
    again = driver.resume(PARTIAL)
    with pytest.raises(Busy):
        driver.resume(PARTIAL, 0)
    writer.suspend()
    writer.cancel()
    with pytest.raises(Busy):
        driver.resume(PARTIAL)
    again.cancel()


def test_a_forgotten_writer_lets_go(driver: Driver) -> None:
    writer = driver.create(PARTIAL)
    writer.write(b"kept")
    del writer
    gc.collect()
    assert driver.resume(PARTIAL).size == 4


def test_many_commit_the_same_at_once(driver: Driver) -> None:
    failed: list[BaseException] = []

    def push(number: int) -> None:
        try:
            for turn in range(10):
                writer = driver.create(f"r/_uploads/{number}-{turn}/data")
                writer.write(b"same")
                writer.commit(BLOB)
                if turn % 3 == 0:
                    with contextlib.suppress(NotFound):
                        driver.delete(BLOB)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    driver.create(PARTIAL).commit(BLOB)
    assert driver.stat(BLOB).size == 0


def test_move(driver: Driver) -> None:
    driver.put("a/b/c", b"moved")
    driver.put("d/e", b"replaced")
    driver.move("a/b/c", "d/e")
    assert driver.read("d/e", 100) == b"moved"
    with pytest.raises(NotFound):
        driver.stat("a/b/c")


def test_list_is_sorted_and_shallow(driver: Driver) -> None:
    for path in ("t/b/current/link", "t/a", "t/B", "t/c/1", "t/c/2", "u"):
        driver.put(path, b"", durable=False)
    assert list(driver.list("t")) == ["B", "a", "b", "c"]
    assert list(driver.list("t/c")) == ["1", "2"]
    assert list(driver.list("t/a")) == []


def test_delete_tree(driver: Driver) -> None:
    for path in ("t/a/1/2", "t/a/3", "t/ab"):
        driver.put(path, b"", durable=False)
    driver.delete_tree("t/a")
    assert list(driver.list("t")) == ["ab"]
    driver.delete_tree("t/ab")
    assert list(driver.list("t")) == []


def test_probe_leaves_nothing(driver: Driver) -> None:
    driver.put("a", b"")
    driver.probe()
    assert list(driver.list("")) == ["a"]


def test_extensions_pass_through(driver: Driver, request: pytest.FixtureRequest) -> None:
    local = "filesystem" in request.node.callspec.params["driver"]
    assert isinstance(driver, LocalFiles) == local
    assert driver.name == ("filesystem" if local else "memory")
