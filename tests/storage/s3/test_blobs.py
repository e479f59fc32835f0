"""The content store over a bucket: places, their notes, and digests that only the end of an upload tells."""

from __future__ import annotations

import pytest

from storage import paths
from storage.content import ContentStore, Ingest, Stored
from storage.digest import Digest
from storage.drivers.s3.writer import INLINE
from storage.errors import Damaged, DigestMismatch, NotFound, Unavailable
from storage.ingest import IngestState
from tests.s3.calls import INTERNAL, LATE_RESET, SLOW_DOWN
from tests.s3.proxy import FaultProxy, at
from tests.storage.s3.conftest import PART, Store
from tests.storage.s3.test_writer import noise

UPLOAD = paths.upload_data("team/app", "1")
DATA = noise(PART + 1000)
DIGEST = Digest.of(DATA)
SMALL = DATA[:1000]
SMALL_DIGEST = Digest.of(SMALL)


def push(content: ContentStore, data: bytes = DATA, digest: Digest = DIGEST) -> Stored:
    ingest = content.begin(UPLOAD)
    ingest.write(data)
    return ingest.commit(digest)


def kept(state: IngestState) -> IngestState:
    """As another process would have it."""
    return IngestState.decode(state.encode())


def begun(content: ContentStore, data: bytes) -> IngestState:
    ingest = content.begin(UPLOAD)
    ingest.write(data)
    return kept(ingest.suspend())


def test_a_large_blob_has_a_place_and_a_note_of_it(store: Store) -> None:
    content = store.content()
    size, place = push(content)
    assert size == len(DATA)
    assert sorted(store.keys()) == [paths.placed_note(DIGEST), place]
    assert store.driver().read(paths.placed_note(DIGEST), 1000).decode() == place
    content.check(DIGEST, size, place=place)
    content.verify(DIGEST, size, lambda count: None, place=place)
    with content.open(DIGEST, size, PART, 10, place=place) as reader:
        assert reader.read(10) == DATA[PART : PART + 10]
    with pytest.raises(Damaged):
        content.open(DIGEST, size + 1, place=place)
    with pytest.raises(NotFound):
        content.open(DIGEST, size)
    content.delete(DIGEST, place=place)
    assert store.keys() == []


def test_the_note_of_a_newer_place_stays(store: Store) -> None:
    content = store.content()
    first, second = push(content).place, push(content).place
    assert first != second
    content.delete(DIGEST, place=first)
    assert sorted(store.keys()) == [paths.placed_note(DIGEST), second]
    store.driver().put(paths.placed_note(DIGEST), b"of another push at the same time")
    content.verify(DIGEST, len(DATA), lambda count: None, place=second)
    assert store.driver().read(paths.placed_note(DIGEST), 1000).decode() == second


@pytest.mark.parametrize("data", [SMALL, DATA], ids=["small", "large"])
def test_what_another_process_hashed_is_read_before_it_is_believed(store: Store, data: bytes) -> None:
    driver, half = store.driver(), len(data) // 2
    ingest = ContentStore(driver).resume(UPLOAD, begun(store.content(), data[:half]))
    ingest.write(data[half:])
    size, place = ingest.commit(Digest.of(data))
    assert driver.requests["GetObject"] == (1 if half <= INLINE else 2)  # the tail is one
    with store.content().open(Digest.of(data), size, place=place) as reader:
        assert reader.read(size)[:1000] == data[:1000]


@pytest.mark.parametrize("data", [SMALL, DATA], ids=["small", "large"])
def test_a_digest_that_is_wrong_at_the_end_leaves_nothing(store: Store, data: bytes) -> None:
    push(store.content(), SMALL, SMALL_DIGEST)
    before = store.keys()
    ingest = store.content().resume(UPLOAD, begun(store.content(), data))
    ingest.write(b"other bytes")
    with pytest.raises(DigestMismatch):
        ingest.commit(SMALL_DIGEST)
    assert store.keys() == before
    store.content().check(SMALL_DIGEST, len(SMALL))


def test_a_known_digest_is_not_read_again(store: Store) -> None:
    driver = store.driver()
    ContentStore(driver).resume(UPLOAD, begun(store.content(), DATA)).commit(DIGEST)
    assert "GetObject" not in driver.requests


def test_what_two_made_of_one_upload_is_not_mixed_up(checking: Store) -> None:
    """Their lease had lapsed: the second finds the upload complete, of the same size, and other bytes than its own."""
    store = checking
    state = begun(store.content(), DATA[:PART])
    first, second = (store.content().resume(UPLOAD, state) for _ in range(2))
    first.write(DATA[PART:])
    second.write(bytes(1000))
    size, place = first.commit(DIGEST)
    with pytest.raises(DigestMismatch):
        second.commit(Digest.of(DATA[:PART] + bytes(1000)))
    store.content().verify(DIGEST, size, lambda count: None, place=place)


def test_a_completion_whose_answer_was_lost(checking: Store, proxy: FaultProxy) -> None:
    content = checking.content()
    with proxy.planned(at("CompleteMultipartUpload", LATE_RESET)):
        size, place = push(content)
    checking.content().verify(DIGEST, size, lambda count: None, place=place)
    assert proxy.calls["CompleteMultipartUpload"] == 2


def finish(ingest: Ingest, rest: bytes) -> Stored:
    ingest.write(rest)
    return ingest.commit(DIGEST)


@pytest.mark.parametrize(
    "operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "PutObject", "GetObject"]
)
def test_a_commit_that_failed_goes_on_elsewhere(checking: Store, proxy: FaultProxy, operation: str) -> None:
    """At each of its requests: what is kept then is enough for another replica."""
    state = begun(checking.content(), DATA[: PART - 1000])
    ingest = checking.content(attempts=1).resume(UPLOAD, state)
    rest = DATA[PART - 1000 :]
    with proxy.planned(at(operation, INTERNAL, times=9)), pytest.raises(Unavailable):
        finish(ingest, rest)
    if ingest.offset != len(DATA):
        ingest.write(rest)
    state = kept(ingest.suspend())
    assert state.offset == len(DATA)
    size, place = checking.content().resume(UPLOAD, state).commit(DIGEST)
    checking.content().verify(DIGEST, size, lambda count: None, place=place)


def test_a_busy_server_is_asked_again(checking: Store, proxy: FaultProxy) -> None:
    with proxy.planned(at("UploadPart", SLOW_DOWN, times=2)):
        size, place = push(checking.content())
    checking.content().verify(DIGEST, size, lambda count: None, place=place)
    assert proxy.calls["UploadPart"] == 4


@pytest.mark.parametrize("operation", ["UploadPart", "CreateMultipartUpload", "PutObject"])
def test_a_failed_write_can_be_tried_again(checking: Store, proxy: FaultProxy, operation: str) -> None:
    ingest = checking.content(attempts=1).begin(UPLOAD)
    pieces = [DATA[start : start + 700_000] for start in range(0, len(DATA), 700_000)]
    failed = 0
    with proxy.planned(at(operation, SLOW_DOWN)):
        for piece in pieces:
            before = ingest.offset
            try:
                ingest.write(piece)
            except Unavailable:
                failed += 1
                assert ingest.offset == before
                ingest.write(piece)
        if not failed:  # only the commit sends this one
            with pytest.raises(Unavailable, match=r"S3 is busy \(SlowDown\), try again"):
                ingest.commit(DIGEST)
            failed += 1
    stored = ingest.commit(DIGEST)
    assert failed == 1
    checking.content().verify(DIGEST, stored.size, lambda count: None, place=stored.place)
