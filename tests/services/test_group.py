"""Small blobs stored in groups: what a whole group failed with, and callers that are gone."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Sequence

import pytest

from registry.services.group import GroupPut
from storage.checked import Checked
from storage.content import ContentStore
from storage.digest import Digest
from storage.drivers.memory import MemoryDriver
from storage.errors import NoSpace, StorageError, Unavailable

BLOBS = [(Digest.of(data), data) for data in (b"one", b"two", b"three")]


class _Failing(MemoryDriver):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        raise self._error


class _Waiting(MemoryDriver):
    """Stores nothing until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        assert self.go.wait(10)
        return super().put_group(files, durable=durable)


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), NoSpace), (ValueError("a defect"), Unavailable)],
)
def test_all_are_told_what_the_whole_group_failed_with(error: Exception, told: type[StorageError]) -> None:
    group = GroupPut(ContentStore(Checked(_Failing(error))))

    async def put_all() -> list[BaseException | None]:
        return await asyncio.gather(*(group.put(*blob) for blob in BLOBS), return_exceptions=True)

    assert [type(found) for found in asyncio.run(put_all())] == [told] * len(BLOBS)
    group.close()


def test_it_goes_on_when_a_callers_loop_was_closed() -> None:
    driver = _Waiting()
    content = ContentStore(Checked(driver))
    group = GroupPut(content)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(group.put(*BLOBS[0]), 0.05)

    asyncio.run(give_up())
    driver.go.set()
    asyncio.run(asyncio.wait_for(group.put(*BLOBS[1]), 5))
    group.close()
    for digest, data in BLOBS[:2]:
        content.check(digest, len(data))
