"""Blobs on their way into a bucket: what is stored, with which requests, and what can be gone on with."""

from __future__ import annotations

import itertools
import random
import time
import tracemalloc

import pytest

from storage import paths
from storage.drivers.s3.writer import INLINE, MOST_TAILS
from tests.storage.s3.conftest import PART, Store

UPLOAD = paths.upload_data("team/app", "1")
BLOB = "docker/registry/v2/blobs/sha256/ab/abc/data"


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_what_fills_no_part_is_one_request(store: Store) -> None:
    data, driver = noise(PART - 1), store.driver()
    writer = driver.create(UPLOAD)
    writer.write(data[:1000])
    writer.write(data[1000:])
    assert writer.commit(BLOB) == BLOB
    assert driver.requests == {"PutObject": 1}
    assert driver.read(BLOB, PART) == data
    assert store.keys() == [BLOB]


@pytest.mark.parametrize(("size", "parts"), [(PART, 1), (PART + 1, 2), (2 * PART, 2), (3 * PART - 1, 3)])
def test_parts_are_never_copied(store: Store, size: int, parts: int) -> None:
    data, driver = noise(size), store.driver()
    writer = driver.create(UPLOAD)
    for start in range(0, size, 999_983):
        writer.write(data[start : start + 999_983])
    assert writer.size == size
    place = writer.commit(BLOB)
    assert driver.requests == {"CreateMultipartUpload": 1, "UploadPart": parts, "CompleteMultipartUpload": 1}
    assert place.startswith(f"{paths.PLACED}/")
    assert paths.mark_of(place) == paths.upload_mark(UPLOAD)
    with driver.open(place) as reader:
        assert reader.read(0) == b""
        assert b"".join(iter(lambda: reader.read(1 << 20), b"")) == data
    assert store.keys() == [place]
    assert store.uploads() == []


def test_one_large_write_is_many_parts(store: Store) -> None:
    data, driver = noise(3 * PART + 7), store.driver()
    writer = driver.create(UPLOAD)
    writer.write(memoryview(bytearray(data)))
    assert writer.size == len(data)
    place = writer.commit(BLOB)
    with driver.open(place) as reader:
        assert b"".join(iter(lambda: reader.read(1 << 20), b"")) == data


def test_another_driver_goes_on_by_the_state(store: Store) -> None:
    data, state = noise(2 * PART + 300_000), ""
    cuts = [0, 100, 100_000, 3_000_000, PART, PART + 1, 2 * PART + 1, len(data)]
    for start, end in itertools.pairwise(cuts):
        driver = store.driver()
        writer = driver.resume(UPLOAD, None, state) if state else driver.create(UPLOAD)
        assert writer.size == start
        writer.write(data[start:end])
        state = writer.suspend()
    place = store.driver().resume(UPLOAD, None, state).commit(BLOB)
    with store.driver().open(place) as reader:
        assert b"".join(iter(lambda: reader.read(1 << 20), b"")) == data
    assert store.keys() == [place]


def test_very_many_small_chunks(knowing: Store) -> None:
    count, chunk = 12_000, noise(600)
    driver = knowing.driver()
    state = ""
    for number in range(count):
        if number % 1000 == 0:
            driver = knowing.driver()
        writer = driver.resume(UPLOAD, None, state) if state else driver.create(UPLOAD)
        writer.write(chunk)
        state = writer.suspend()
        assert len(state) < 2 * INLINE
    place = knowing.driver().resume(UPLOAD, None, state).commit(BLOB)
    with knowing.driver().open(place) as reader:
        assert b"".join(iter(lambda: reader.read(1 << 20), b"")) == chunk * count
    assert knowing.keys() == [place]


def test_tails_are_few_and_go(store: Store) -> None:
    chunk, driver = noise(INLINE + 1), store.driver()
    state, most = "", 0
    for _ in range(2 * MOST_TAILS + 3):
        writer = driver.resume(UPLOAD, None, state) if state else driver.create(UPLOAD)
        writer.write(chunk)
        state = writer.suspend()
        most = max(most, len(store.keys()))
    assert MOST_TAILS <= most <= 2 * MOST_TAILS + 1
    assert driver.resume(UPLOAD, None, state).commit(BLOB) == BLOB
    assert driver.read(BLOB, 1 << 30) == chunk * (2 * MOST_TAILS + 3)
    assert store.keys() == [BLOB]


@pytest.mark.parametrize("kept", [100, INLINE + 1, PART - 1, PART + 100_000])
def test_a_state_is_good_until_the_next_is_kept(store: Store, kept: int) -> None:
    """Whoever went on from it died before anybody had his state."""
    data, lost = noise(2 * PART), noise(PART + 5)
    writer = store.driver().create(UPLOAD)
    writer.write(data[:kept])
    state = writer.suspend()
    for end in (200_000, len(lost)):
        dying = store.driver().resume(UPLOAD, None, state)
        dying.write(lost[:end])
        dying.suspend()
    writer = store.driver().resume(UPLOAD, None, state)
    assert writer.size == kept
    writer.write(data[kept:])
    place = writer.commit(BLOB)
    with store.driver().open(place) as reader:
        assert b"".join(iter(lambda: reader.read(1 << 20), b"")) == data


def test_memory_is_bounded(checking: Store) -> None:
    piece, writer = noise(1 << 20), checking.driver().create(UPLOAD)
    writer.write(piece)
    tracemalloc.start()
    try:
        for _ in range(100):
            writer.write(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    writer.cancel()
    assert peak < 6 * PART  # two on their way, one that is filled, and room to grow it


def test_cancel_leaves_nothing(store: Store) -> None:
    for size in (10, INLINE + 1, PART + 1):
        writer = store.driver().create(UPLOAD)
        writer.write(noise(size))
        state = writer.suspend()
        writer = store.driver().resume(UPLOAD, None, state)
        writer.write(b"more")
        writer.cancel()
        writer.cancel()
    assert store.keys() == store.uploads() == []


def test_what_was_abandoned_is_found_and_aborted(store: Store) -> None:
    store.driver().create(UPLOAD).write(noise(PART))
    driver = store.driver()
    assert list(driver.abandoned(0)) == []
    (upload,) = driver.abandoned(time.time() + 60)
    place = upload.partition(" ")[0]
    assert paths.mark_of(place) == paths.upload_mark(UPLOAD) != paths.upload_mark(f"{UPLOAD}2")
    driver.abort(upload)
    driver.abort(upload)
    assert list(driver.abandoned(time.time() + 60)) == store.uploads() == []


@pytest.mark.parametrize("first", [INLINE + 9, 2 * PART + 100, 3 * PART + INLINE + 9])
@pytest.mark.parametrize("steps", [[], [9], [PART + 3, PART]])
def test_what_the_dead_have_completed_is_gone_on_with(checking: Store, first: int, steps: list[int]) -> None:
    """Whoever completed it was killed before anybody was told: all that is known is what was kept before."""
    data = noise(7 * PART + 777)
    writer = checking.driver().create(UPLOAD)
    writer.write(data[:first])
    size = writer.size
    kept = writer.suspend()
    dead = checking.driver().resume(UPLOAD, None, kept)
    dead.write(data[size:])
    place = dead.commit(BLOB)
    for step in steps:
        writer = checking.driver().resume(UPLOAD, None, kept)
        writer.write(data[size : size + step])
        size += step
        assert writer.size == size
        kept = writer.suspend()
    driver = checking.driver()
    writer = driver.resume(UPLOAD, None, kept)
    assert writer.size == size
    for start in range(size, len(data), 999_983):
        writer.write(data[start : start + 999_983])
    assert writer.commit(BLOB) == place
    assert writer.doubtful
    assert writer.size == len(data)
    assert driver.requests["CompleteMultipartUpload"] <= 1
    assert checking.keys() == [place]
    assert checking.uploads() == []
    assert driver.read(place, len(data) + 1) == data


def test_what_was_completed_is_not_taken_for_less_or_more(checking: Store) -> None:
    data = noise(3 * PART)
    writer = checking.driver().create(UPLOAD)
    writer.write(data[: PART + 50])
    kept = writer.suspend()
    dead = checking.driver().resume(UPLOAD, None, kept)
    dead.write(data[PART + 50 :])
    dead.commit(BLOB)
    with pytest.raises(FileNotFoundError):
        checking.driver().resume(UPLOAD, None, kept).commit(BLOB)
    writer = checking.driver().resume(UPLOAD, None, kept)
    writer.write(data[PART + 50 :])
    writer.suspend()
    writer = checking.driver().resume(UPLOAD, None, kept)
    writer.write(data[PART + 50 : 2 * PART])
    writer = checking.driver().resume(UPLOAD, None, writer.suspend())
    with pytest.raises(OSError, match="cannot be appended to"):
        writer.write(bytes(PART + 1))
    assert writer.size == 2 * PART


def test_what_the_dead_have_stored_in_one_request_is_gone_on_with(checking: Store) -> None:
    data = noise(INLINE + 9)
    writer = checking.driver().create(UPLOAD)
    writer.write(data)
    kept = writer.suspend()
    assert checking.driver().resume(UPLOAD, None, kept).commit(BLOB) == BLOB
    writer = checking.driver().resume(UPLOAD, None, kept)
    assert writer.commit(BLOB) == BLOB
    assert writer.doubtful
    assert checking.driver().read(BLOB, len(data) + 1) == data
