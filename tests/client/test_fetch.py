"""A blob fetched into a store: resumed where it ended, verified at its end, readable while it comes."""

import io
from pathlib import Path
from typing import BinaryIO

import pytest

from registry.client import fetch
from registry.client.errors import SizeMismatch, TooManyRequests
from registry.client.fetch import BlobFetch
from registry.oci.descriptor import Descriptor
from storage.checked import Checked
from storage.content import ContentStore
from storage.digest import Digest
from storage.drivers import load
from storage.errors import DigestMismatch, NotFound
from storage.growing import GrowingBlob
from tests.protocol.content import digest_of, noise

DATA = noise(300_000, "fetch")
BLOB = Descriptor("application/octet-stream", digest_of(DATA), len(DATA))
PARTIAL = "partial/one/data"


class Source:
    """Gives bytes in the order of `parts`, one for each attempt, and breaks off behind each but the last."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts)
        self.offsets: list[int] = []

    def __call__(self, descriptor: Descriptor, offset: int, /) -> BinaryIO:
        self.offsets.append(offset)
        part = self.parts.pop(0)
        return Breaking(part) if self.parts else io.BytesIO(part)


class Breaking(io.BytesIO):
    """A connection that is cut behind these bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise TooManyRequests("later", 429, retry_after=0.01)
        return data


class Seen:
    def __init__(self) -> None:
        self.steps: list[str] = []

    def received(self, offset: int) -> None:
        self.steps.append(f"at {offset}")

    def verifying(self) -> None:
        self.steps.append("verifying")

    def retrying(self, seconds: float) -> None:
        self.steps.append(f"again in {seconds}")


class Store:
    def __init__(self, folder: Path) -> None:
        self.driver = Checked(load("filesystem", path=str(folder)))
        self.content = ContentStore(self.driver)
        self.seen = Seen()

    def fetch(self, source: Source, growing: GrowingBlob | None = None) -> None:
        BlobFetch(self.driver, self.content, PARTIAL, BLOB, source, self.seen, lambda: None, growing).run()

    def bytes(self) -> bytes:
        with self.content.open(Digest.parse(BLOB.digest), BLOB.size) as reader:
            return reader.read()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_it_goes_on_where_the_connection_was_cut(store: Store) -> None:
    source = Source(DATA[:100_000], DATA[100_000:250_000], DATA[250_000:])
    store.fetch(source)
    assert source.offsets == [0, 100_000, 250_000]
    assert store.bytes() == DATA
    assert store.seen.steps[-1] == "verifying"
    assert store.seen.steps.count("again in 0.01") == 2


def test_another_fetch_goes_on_where_one_gave_up(store: Store) -> None:
    source = Source(DATA[:1000], *[b""] * fetch.ATTEMPTS)
    with pytest.raises(TooManyRequests):
        store.fetch(source)
    assert source.offsets == [0, *[1000] * (fetch.ATTEMPTS - 1)]
    again = Source(DATA[1000:])
    store.fetch(again)
    assert (again.offsets, store.bytes()) == ([1000], DATA)


def test_wrong_bytes_are_not_kept(store: Store) -> None:
    with pytest.raises(DigestMismatch):
        store.fetch(Source(DATA[:-1] + b"?"))
    with pytest.raises(NotFound):
        store.bytes()
    with pytest.raises(SizeMismatch):
        store.fetch(Source(DATA[:-1]))


def test_a_wrong_beginning_of_an_earlier_fetch_is_fetched_again(store: Store) -> None:
    with pytest.raises(TooManyRequests):
        store.fetch(Source(b"?" * 1000, *[b""] * fetch.ATTEMPTS))
    source = Source(DATA)
    source.parts = [DATA[1000:], DATA]
    whole = io.BytesIO

    def opener(descriptor: Descriptor, offset: int, /) -> BinaryIO:
        source.offsets.append(offset)
        return whole(source.parts.pop(0))

    BlobFetch(store.driver, store.content, PARTIAL, BLOB, opener, store.seen, lambda: None).run()
    assert (source.offsets, store.bytes()) == ([1000, 0], DATA)


def test_it_is_read_while_it_comes(store: Store) -> None:
    growing = GrowingBlob(lambda: None)
    read = b""

    class Reading(Seen):
        def received(self, offset: int) -> None:
            nonlocal read
            reader = growing.opened()
            assert reader is not None
            read = reader.read(offset) if offset else b""

    store.seen = Reading()
    store.fetch(Source(DATA[:100_000], DATA[100_000:]), growing)
    growing.over()
    growing.close()
    assert read == DATA
