"""Small blobs on their way to the disk share the wait: one thread stores whatever has come while it stored the last."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from dataclasses import dataclass

from storage.content import ContentStore
from storage.digest import Digest
from storage.errors import StorageError, Unavailable

MOST = 64
"""Blobs stored at a time."""


@dataclass(slots=True)
class _Waiting:
    digest: Digest
    data: bytes
    done: asyncio.Future[None]
    loop: asyncio.AbstractEventLoop


class GroupPut:
    """Its thread starts with the first blob and ends with `close`."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def put(self, digest: Digest, data: bytes) -> None:
        """Store it, durably. Raises DigestMismatch and storage errors. Cancelling the caller does not stop it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="group-put", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._queue.put(_Waiting(digest, data, done, loop))
        await done

    def close(self) -> None:
        """Store what is queued and end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _work(self) -> None:
        open_ = True
        while open_:
            group = [self._queue.get()]
            while len(group) < MOST and not self._queue.empty():
                group.append(self._queue.get())
            waiting = [one for one in group if one is not None]
            open_ = len(waiting) == len(group)
            if waiting:
                self._store(waiting)

    def _store(self, group: list[_Waiting]) -> None:
        try:
            found = self._content.put_group([(one.digest, one.data) for one in group])
        except StorageError as error:
            found = [error] * len(group)
        except Exception as error:
            trouble = Unavailable(f"the group could not be stored: {error}")
            trouble.__cause__ = error
            found = [trouble] * len(group)
        outcomes = list(zip(group, found, strict=True))
        for loop in {one.loop for one in group}:
            # A loop that was closed has nobody left to tell; the thread goes on for the others.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_deliver, [outcome for outcome in outcomes if outcome[0].loop is loop])


def _deliver(outcomes: list[tuple[_Waiting, Exception | None]]) -> None:
    for one, error in outcomes:
        if one.done.done():
            continue
        if error is None:
            one.done.set_result(None)
        else:
            one.done.set_exception(error)
