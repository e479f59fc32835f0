"""Uploads in random pieces while the server fails at random, and whoever writes dies at random: every blob comes in."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from storage import paths
from storage.content import ContentStore, Ingest, Stored
from storage.digest import Digest
from storage.errors import NotFound, StorageError
from storage.ingest import IngestState
from tests.s3.calls import EVERY_FAULT, Way
from tests.s3.proxy import FaultProxy, at_random
from tests.storage.s3.conftest import PART, Store

FAULTS = [fault for fault in EVERY_FAULT if fault.way not in (Way.HOLD, Way.SLOW)]
RATE = 0.15


class Client:
    """Sends a blob in pieces, and asks after each failure where to go on, as clients do."""

    def __init__(self, store: Store, rng: random.Random, data: bytes) -> None:
        self._store = store
        self._rng = rng
        self._data = data
        self._digest = Digest.of(data)
        self._path = paths.upload_data("team/app", rng.randbytes(8).hex())
        self._kept = IngestState(0, {}, "")
        self._committed = False
        self.failures = 0

    def push(self) -> Stored:
        ingest = self._opened()
        while True:
            try:
                if ingest.offset == len(self._data):
                    self._committed = True
                    return ingest.commit(self._digest)
                size = self._rng.choice([1, 5000, 70_000, 1_000_000, PART])
                ingest.write(self._data[ingest.offset : ingest.offset + size])
                if self._rng.random() < 0.3:
                    self._kept = IngestState.decode(ingest.suspend().encode())
                    ingest = self._opened()
            except NotFound:
                # Complete, its tails removed, by one who died before he could tell: 404, the client starts again.
                assert self._committed
                self._kept, self._committed = IngestState(0, {}, ""), False
                ingest = self._opened()
            except StorageError:
                self.failures += 1
                assert self.failures < 500
                if self._rng.random() < 0.3:
                    ingest = self._opened()  # by another replica: this one has died

    def _opened(self) -> Ingest:
        content: ContentStore = self._store.content(attempts=1)
        with suppress(NotFound):
            return content.resume(self._path, self._kept)
        return content.begin(self._path)


@pytest.mark.parametrize("seed", range(4))
def test_every_blob_comes_in(checking: Store, proxy: FaultProxy, seed: int) -> None:
    rng = random.Random(seed)
    with proxy.planned(at_random(f"faults {seed}", RATE, FAULTS)):
        for _ in range(3):
            data = rng.randbytes(rng.choice([10, 100_000, PART, 2 * PART + 12345]))
            client = Client(checking, rng, data)
            size, place = client.push()
            proxy.plan, plan = (lambda call: None), proxy.plan
            assert size == len(data)
            checking.content().verify(Digest.of(data), size, lambda count: None, place=place)
            proxy.plan = plan
    assert sum(proxy.faults.values()) > 0
