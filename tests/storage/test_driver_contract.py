"""The contract of a driver, run by every driver and through every wrapper."""

from __future__ import annotations

import contextlib
import gc
import threading
import time

import pytest

from storage.driver import Driver, LocalFiles, Multipart, Presigns
from storage.errors import Busy, Exists, NotFound, OffsetMismatch

PARTIAL = "r/_uploads/1/data"
BLOB = "blobs/ab/abc/data"


def partial(driver: Driver, data: bytes = b"hello") -> str:
    writer = driver.create(PARTIAL)
    writer.write(data)
    state = writer.suspend()
    assert writer.suspend() == state
    return state


def holding(driver: Driver, folder: str) -> list[str]:
    """What is listed there but folders without files, which SeaweedFS goes on to list for a while."""

    def holds(path: str) -> bool:
        try:
            return driver.stat(path).size >= 0
        except NotFound:
            return any(holds(f"{path}/{name}") for name in driver.list(path))

    return [name for name in driver.list(folder) if holds(f"{folder}/{name}")]


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
    assert writer.size == writer.stat().size == 11
    with pytest.raises(NotFound):
        driver.stat(BLOB)
    assert writer.commit(BLOB) == BLOB
    assert not writer.doubtful
    assert driver.read(BLOB, 100) == b"hello world"
    with pytest.raises(NotFound):
        driver.stat(PARTIAL)
    writer.cancel()
    writer.suspend()
    assert driver.stat(BLOB).size == 11


def test_a_local_partial_file_can_be_read(local: Driver) -> None:
    writer = local.create(PARTIAL)
    writer.write(b"hello")
    assert writer.stat() == local.stat(PARTIAL)
    assert local.read(PARTIAL, 100) == b"hello"
    assert writer.suspend() == ""
    assert local.stat(PARTIAL).size == 5


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
    state = partial(driver)
    with pytest.raises(OffsetMismatch) as caught:
        driver.resume(PARTIAL, 6, state)
    assert caught.value.offset == 5
    writer = driver.resume(PARTIAL, 5, state)
    assert writer.size == 5
    writer.write(b"!")
    writer.commit(BLOB)
    assert driver.read(BLOB, 100) == b"hello!"


def test_resume_at_an_offset_drops_what_is_past_it(local: Driver) -> None:
    partial(local)
    writer = local.resume(PARTIAL, 2)
    assert writer.size == 2
    writer.write(b"y")
    writer.suspend()
    assert local.read(PARTIAL, 100) == b"hey"


def test_a_remote_partial_file_is_what_the_state_says(remote: Driver) -> None:
    state = partial(remote)
    for unknown in ("", "[]", "{", '{"etags": [1]}'):
        with pytest.raises(NotFound):
            remote.resume(PARTIAL, None, unknown)
    first, second = (remote.resume(PARTIAL, None, state) for _ in range(2))
    first.write(b" lost")
    second.write(b" kept")
    assert remote.resume(PARTIAL, None, second.suspend()).commit(BLOB) == BLOB
    assert remote.read(BLOB, 100) == b"hello kept"
    first.cancel()
    assert remote.read(BLOB, 100) == b"hello kept"


def test_one_writer_at_a_time(local: Driver) -> None:
    writer = local.create(PARTIAL)
    with pytest.raises(Exists):
        local.create(PARTIAL)
    with pytest.raises(Busy):
        local.resume(PARTIAL)
    writer.suspend()
    with pytest.raises(Exists):
        local.create(PARTIAL)
    again = local.resume(PARTIAL)
    with pytest.raises(Busy):
        local.resume(PARTIAL, 0)
    writer.suspend()
    writer.cancel()
    with pytest.raises(Busy):
        local.resume(PARTIAL)
    again.cancel()


def test_a_forgotten_writer_lets_go(local: Driver) -> None:
    writer = local.create(PARTIAL)
    writer.write(b"kept")
    del writer
    gc.collect()
    assert local.resume(PARTIAL).size == 4


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
    assert holding(driver, "t") == ["ab"]
    driver.delete_tree("t/ab")
    assert holding(driver, "t") == []


def test_probe_leaves_nothing(driver: Driver) -> None:
    driver.put("a", b"")
    driver.probe()
    assert list(driver.list("")) == ["a"]


def test_open_with_a_length(driver: Driver) -> None:
    driver.put("a", b"0123456789")
    driver.put("empty", b"")
    with driver.open("a", 2, 3) as reader:
        assert reader.seek(0, 2) == 10
        reader.seek(2)
        assert reader.read(3) == b"234"
        assert reader.read(100)[:1] == b"5"  # more than was announced
    with driver.open("a", 10, 5) as reader:
        assert reader.read(1) == b""
    for length in (None, 0, 5):
        with driver.open("empty", 0, length) as reader:
            assert reader.read(1) == b""
            assert reader.seek(0, 2) == 0


def test_a_group_is_put(driver: Driver) -> None:
    files = [(f"g/{number}", bytes([number])) for number in range(20)]
    assert driver.put_group(files) == [None] * 20
    assert [driver.read(path, 2) for path, _ in files] == [data for _, data in files]


def test_extensions_pass_through(driver: Driver, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.params["driver"].rpartition("-")[2]
    assert driver.name == (kind if kind in ("filesystem", "memory") else "s3")
    assert driver.local == (driver.name != "s3")
    assert isinstance(driver, LocalFiles) == (kind == "filesystem")
    assert isinstance(driver, Presigns) == isinstance(driver, Multipart) == (driver.name == "s3")
