"""Small blobs on their way to the disk share the wait: one thread stores whatever has come while it stored the last.

What is to follow a blob's storing is begun by that thread, for all of a group at once: on the way over the event loop
they would part, and be written to the index in several commits.

It may never report a blob that is not durable, nor let the failure of one fail the others of its group. What it gains:
one wait for the disk for up to MOST pushes ("small image push" in docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storage.content import ContentStore
from storage.digest import Digest
from storage.errors import StorageError, Unavailable

MOST = 64
"""Blobs stored at a time."""

Then = Callable[[asyncio.AbstractEventLoop, "asyncio.Future[Any]"], None]
"""Begins what follows, in the group's thread; it settles the future, on the loop."""


@dataclass(slots=True)
class _Waiting:
    digest: Digest
    data: bytes
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    then: Then | None


class GroupPut:
    """Its thread starts with the first blob and ends with `close`."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def put(self, digest: Digest, data: bytes, then: Then | None = None) -> None:
        """Store it, durably, and wait for what follows. Raises what that does, DigestMismatch and storage errors.

        Cancelling the caller does not stop it.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="group-put", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Waiting(digest, data, done, loop, then))
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
        outcomes = [one for one in zip(group, map(_go_on, group, found), strict=True) if one[1] is not _DEFERRED]
        for loop in {one.loop for one, _ in outcomes}:
            # In a loop that was closed no caller waits; the thread goes on for the others.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_deliver, [outcome for outcome in outcomes if outcome[0].loop is loop])


_DEFERRED = Exception("what follows tells of it")


def _go_on(one: _Waiting, error: Exception | None) -> Exception | None:
    """What the caller gets now."""
    if error is not None or one.then is None:
        return error
    try:
        one.then(one.loop, one.done)
    except Exception as refused:
        return refused
    return _DEFERRED


def _deliver(outcomes: list[tuple[_Waiting, Exception | None]]) -> None:
    for one, error in outcomes:
        if one.done.done():
            continue
        if error is None:
            one.done.set_result(None)
        else:
            one.done.set_exception(error)
