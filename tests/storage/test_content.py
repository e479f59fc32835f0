"""The content store over every driver."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from storage import ingest as ingesting
from storage import paths
from storage.content import ContentStore, Ingest, IngestState
from storage.digest import Digest
from storage.driver import Driver
from storage.errors import Busy, Damaged, DigestMismatch, Exists, InvalidDigest, NotFound

UPLOAD = paths.upload_data("team/app", "1")
DATA = b"some bytes of a blob"
DIGEST = Digest.of(DATA)


def store(content: ContentStore, data: bytes = DATA, algorithm: str = "sha256") -> Digest:
    ingest = content.begin(UPLOAD, algorithm)
    ingest.write(data)
    digest = Digest.of(data, algorithm)
    assert ingest.commit(digest).size == len(data)
    return digest


def suspended(content: ContentStore, data: bytes = DATA, algorithm: str = "sha256") -> IngestState:
    ingest = content.begin(UPLOAD, algorithm)
    ingest.write(data)
    return ingest.suspend()


def kept(state: IngestState) -> IngestState:
    """As another process would have it."""
    return IngestState.decode(state.encode())


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_store_and_open(content: ContentStore, algorithm: str) -> None:
    digest = store(content, DATA, algorithm)
    content.check(digest, len(DATA))
    with content.open(digest, len(DATA)) as reader:
        assert reader.read() == DATA
    with content.open(digest, len(DATA), 5) as reader:
        assert reader.read(5) == DATA[5:10]
    content.verify(digest, len(DATA), lambda count: None)
    assert content.partial_size(UPLOAD) == 0


def test_the_empty_blob(content: ContentStore) -> None:
    digest = store(content, b"")
    with content.open(digest, 0) as reader:
        assert reader.read() == b""


def test_a_mismatch_leaves_nothing(content: ContentStore, driver: Driver) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(b"other bytes")
    with pytest.raises(DigestMismatch) as caught:
        ingest.commit(DIGEST)
    assert (caught.value.expected, caught.value.actual) == (str(DIGEST), str(Digest.of(b"other bytes")))
    for path in (UPLOAD, paths.blob_data(DIGEST)):
        with pytest.raises(NotFound):
            driver.stat(path)
    ingest.cancel()


def test_closed_with_another_algorithm(content: ContentStore) -> None:
    ingest = content.begin(UPLOAD, "sha256")
    ingest.write(DATA)
    assert ingest.commit(Digest.of(DATA, "sha512")).size == len(DATA)


def test_unknown_algorithm_takes_no_lock(content: ContentStore) -> None:
    with pytest.raises(InvalidDigest):
        content.begin(UPLOAD, "md5")
    state = suspended(content)
    with pytest.raises(InvalidDigest):
        content.resume(UPLOAD, state, "md5")
    content.resume(UPLOAD, state).cancel()


def test_begin_twice_and_two_writers(local: Driver) -> None:
    content = ContentStore(local)
    ingest = content.begin(UPLOAD)
    with pytest.raises(Exists):
        content.begin(UPLOAD)
    with pytest.raises(Busy):
        content.resume(UPLOAD, IngestState(0, {}, ""))
    ingest.cancel()
    with pytest.raises(NotFound):
        content.resume(UPLOAD, IngestState(0, {}, ""))


@pytest.mark.parametrize("same_process", [True, False])
@pytest.mark.parametrize("rest", [b"", b" and more"])
def test_resume(content: ContentStore, same_process: bool, rest: bytes) -> None:
    state = suspended(content)
    assert state.offset == len(DATA)
    ingest = content.resume(UPLOAD, state if same_process else kept(state))
    assert ingest.offset == len(DATA)
    if rest:
        ingest.write(rest)
    assert ingest.commit(Digest.of(DATA + rest)).size == len(DATA + rest)


def test_a_state_survives_many_suspends(content: ContentStore) -> None:
    state = kept(suspended(content))
    for _ in range(3):
        state = kept(content.resume(UPLOAD, state).suspend())
    assert state.digests == {"sha256": DIGEST.hex}
    assert content.resume(UPLOAD, state).commit(DIGEST).size == len(DATA)


def test_a_digest_of_this_boot_is_believed_for_an_empty_closing_only(content: ContentStore) -> None:
    wrong = dataclasses.replace(kept(suspended(content)), digests={"sha256": "0" * 64})
    ingest = content.resume(UPLOAD, wrong)
    assert ingest.digest("sha256").hex == "0" * 64
    ingest.write(b"!")
    assert ingest.digest("sha256") == Digest.of(DATA + b"!")
    ingest.cancel()


@pytest.mark.parametrize("change", [{"boot": "another"}, {"offset": 3}, {"modified": 1.0}])
def test_a_state_that_does_not_fit_is_not_believed(content: ContentStore, change: dict[str, object]) -> None:
    state = suspended(content)
    state = dataclasses.replace(state, digests={"sha256": "0" * 64}, **change)  # type: ignore[arg-type]
    ingest = content.resume(UPLOAD, state)
    assert ingest.offset == len(DATA)
    assert ingest.commit(DIGEST).size == len(DATA)


def test_a_live_hash_is_not_spoilt_by_a_resume_that_went_wrong(content: ContentStore) -> None:
    state = suspended(content, DATA[:4])
    ingest = content.resume(UPLOAD, state)
    ingest.write(DATA[4:])
    state = ingest.suspend()
    first = content.resume(UPLOAD, state)
    first._hash.update(b"hashed, never written")
    first._rehash()
    assert first.suspend().digests == {}
    assert content.resume(UPLOAD, state).commit(DIGEST).size == len(DATA)


def test_ends_are_final(content: ContentStore) -> None:
    ingest = content.begin(UPLOAD)
    ingest.write(DATA)
    state = ingest.suspend()
    content.resume(UPLOAD, state).cancel()
    assert ingest.suspend() is state
    ingest.cancel()
    ingest = content.begin(UPLOAD)
    ingest.write(DATA)
    ingest.commit(DIGEST)
    ingest.cancel()
    assert ingest.suspend().offset == 0
    content.check(DIGEST, len(DATA))


def test_a_state_is_of_the_bytes_under_its_own_lock(local: Driver) -> None:
    content = ContentStore(local)
    ingest = content.begin(UPLOAD)
    ingest.write(DATA)
    state = ingest.suspend()
    writer = local.resume(UPLOAD)
    writer.write(b" by somebody else")
    writer.suspend()
    assert state.offset == len(DATA) < content.partial_size(UPLOAD)
    assert not state.fits(local.stat(UPLOAD))
    assert content.resume(UPLOAD, state).commit(Digest.of(DATA + b" by somebody else")).size == len(DATA) + 17


@pytest.mark.parametrize("text", ["", "null", "{}", "[1]", '[1,{},"b",null]', "[", '["x",{},"",0]'])
def test_an_unreadable_state_knows_nothing(text: str) -> None:
    assert IngestState.decode(text) == IngestState(0, {}, "")


def test_a_state_is_the_same_after_keeping(content: ContentStore) -> None:
    state = suspended(content)
    assert kept(state) == state
    assert state.boot == ingesting.BOOT


@pytest.mark.parametrize("bytes_on_disk", [b"", DATA[:-1], DATA + b"x"])
def test_another_size_is_damage(content: ContentStore, driver: Driver, bytes_on_disk: bytes) -> None:
    driver.put(paths.blob_data(DIGEST), bytes_on_disk)
    with pytest.raises(Damaged):
        content.open(DIGEST, len(DATA))
    with pytest.raises(Damaged):
        content.check(DIGEST, len(DATA))
    store(content)
    content.check(DIGEST, len(DATA))


def test_quarantine_of_local_bytes(local: Driver) -> None:
    content, bytes_on_disk = ContentStore(local), DATA[:-1]
    local.put(paths.blob_data(DIGEST), bytes_on_disk)
    content.quarantine(DIGEST)
    with pytest.raises(NotFound):
        content.open(DIGEST, len(DATA))
    assert local.read(paths.quarantine(DIGEST), 100) == bytes_on_disk
    store(content)
    content.check(DIGEST, len(DATA))


def test_flipped_bits_are_found_and_a_push_repairs(content: ContentStore, driver: Driver) -> None:
    driver.put(paths.blob_data(DIGEST), DATA[:-1] + b"x")
    content.check(DIGEST, len(DATA))
    counted: list[int] = []
    with pytest.raises(Damaged) as caught:
        content.verify(DIGEST, len(DATA), counted.append)
    assert caught.value.digest == str(DIGEST)
    assert sum(counted) == len(DATA)
    store(content)
    content.verify(DIGEST, len(DATA), counted.append)


def test_missing(content: ContentStore) -> None:
    for call in (lambda: content.open(DIGEST, 1), lambda: content.check(DIGEST, 1), lambda: content.delete(DIGEST)):
        with pytest.raises(NotFound):
            call()
    content.quarantine(DIGEST)
    store(content)
    content.delete(DIGEST)
    with pytest.raises(NotFound):
        content.check(DIGEST, len(DATA))


def test_local_path(content: ContentStore, request: pytest.FixtureRequest) -> None:
    store(content)
    path = content.local_path(DIGEST)
    if "filesystem" not in request.node.callspec.params["driver"]:
        assert path is None
    else:
        assert path is not None
        with open(path, "rb") as file:
            assert file.read() == DATA


def test_two_pushes_of_one_blob_at_once(content: ContentStore) -> None:
    ready = threading.Barrier(2)
    sizes: list[int] = []

    def push(ingest: Ingest) -> None:
        ingest.write(DATA)
        ready.wait()
        sizes.append(ingest.commit(DIGEST).size)

    paths_of_two = [paths.upload_data("a", "1"), paths.upload_data("b", "2")]
    threads = [threading.Thread(target=push, args=(content.begin(path),)) for path in paths_of_two]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [len(DATA)] * 2
    content.verify(DIGEST, len(DATA), lambda count: None)
