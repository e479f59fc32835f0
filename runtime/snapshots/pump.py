"""Uncompressing and hashing in a thread of its own, ahead of the reader."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from storage.digest import Hash

_AHEAD = 32
"""Pieces."""

_POLL_SECONDS = 0.2
"""Seconds between two looks of who waits: a signal that another thread was given interrupts no wait."""


class Pump:
    """Iterate over it for the pieces of an iterator; `hash` has seen all that were given. Close it in the end."""

    def __init__(self, pieces: Iterator[bytes], hash_: Hash) -> None:
        self.hash = hash_
        self._pieces = pieces
        self._queue: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="unpack", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                while not self._queue and not self._ended:
                    self._changed.wait(_POLL_SECONDS)
                if not self._queue:
                    if self._error is not None:
                        raise self._error
                    return
                piece = self._queue.popleft()
                self._changed.notify()
            yield piece

    def close(self) -> None:
        """Stop, and wait until no process reads the pieces any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            for piece in self._pieces:
                self.hash.update(piece)
                with self._changed:
                    while len(self._queue) >= _AHEAD and not self._closed:
                        self._changed.wait()
                    if self._closed:
                        return
                    self._queue.append(piece)
                    self._changed.notify()
        except BaseException as error:  # the process that iterates gets it
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()
