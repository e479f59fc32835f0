"""Writing out what is unpacked while the rest still comes, so that little is left to wait for at the end."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

from runtime.snapshots.merged import DIRECTORY
from runtime.syscall.durability import syncfs

_EVERY = 8 << 20
"""Uncompressed bytes of a layer after which writing out what there is by then is begun."""


class Writeback:
    """Of the file system that `tree` is on; used as a context. It vouches for nothing: whoever syncs in the end does.

    It has a descriptor of its own, as a file system tells each of what it lost, once.
    """

    def __init__(self, tree: int) -> None:
        self._descriptor = os.open(".", DIRECTORY, dir_fd=tree)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Writeback:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._thread.join()
        os.close(self._descriptor)

    def behind(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same pieces; what was made of those before is written out now and then."""
        passed = 0
        for piece in pieces:
            yield piece
            passed += len(piece)
            if passed >= _EVERY:
                passed = 0
                self._begin()

    def _begin(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._write, name="writeback", daemon=True)
            self._thread.start()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            syncfs(self._descriptor)
