"""Folders of the filesystem driver: made when needed, durable when asked, removed when emptied."""

from __future__ import annotations

import contextlib
import os

MODE = 0o750

_ATTEMPTS = 16
"""A folder just made may be removed as emptied by somebody else before it is used; then it is made again."""

_REMEMBERED = 4096


class Folders:
    """Absolute paths below `root`. Nothing above the folder of a file is removed for being empty."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._durable: set[str] = set()

    def make(self, folder: str) -> None:
        """Make it, and those above it that are missing."""
        for _ in range(_ATTEMPTS):
            try:
                os.mkdir(folder, MODE)
            except FileExistsError:
                return
            except FileNotFoundError:
                self.make(os.path.dirname(folder))
            else:
                return
        raise FileNotFoundError(2, "folders vanish while they are made", folder)

    def rename(self, source: str, destination: str, *, fresh: bool) -> None:
        """Move a file, making the folder it goes to; `fresh` says that this folder is probably not there yet."""
        folder = os.path.dirname(destination)
        for attempt in range(_ATTEMPTS):
            if fresh or attempt:
                self.make(folder)
            try:
                os.rename(source, destination)
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1 or not os.path.lexists(source):
                    raise
            else:
                return

    def persist(self, folder: str) -> None:
        """Make durable what was just put into `folder`, and the folder.

        Who made it does not matter: another process may have, and died or still be on its way to doing this. The
        folders above its parent are not removed when emptied, so once per process is enough for them.
        """
        with contextlib.suppress(FileNotFoundError):  # deleted and emptied again by somebody else
            fsync(folder)
        if folder == self._root:
            return
        self._persist_above(os.path.dirname(folder))

    def _persist_above(self, folder: str) -> None:
        fsync(folder)
        while folder != self._root and folder not in self._durable:
            if len(self._durable) >= _REMEMBERED:
                self._durable.clear()
            fsync(os.path.dirname(folder))
            self._durable.add(folder)
            folder = os.path.dirname(folder)

    def persist_all(self, below: list[str]) -> dict[str, OSError]:
        """`persist` of each, their parents once; those that failed, and with what."""
        failed: dict[str, OSError] = {}
        parents: dict[str, list[str]] = {}
        for folder in below:
            try:
                with contextlib.suppress(FileNotFoundError):
                    fsync(folder)
            except OSError as error:
                failed[folder] = error
            else:
                parents.setdefault(os.path.dirname(folder), []).append(folder)
        for parent, children in parents.items():
            try:
                self._persist_above(parent)
            except OSError as error:
                failed.update(dict.fromkeys(children, error))
        return failed

    def prune(self, folder: str) -> None:
        """Remove it if it is empty."""
        if folder != self._root:
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def fsync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
