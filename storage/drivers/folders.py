"""Folders of the filesystem driver: made when needed, durable when asked, removed when emptied."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat as modes
from io import FileIO

from storage.drivers.root import RootFolder

ASIDE = ".aside"
MODE = 0o750
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NO_FILE = (errno.ELOOP, errno.ENXIO)
"""What opening a link or a socket says."""

_ATTEMPTS = 16
"""A folder just made may be removed as emptied by another process before it is used; then it is made again."""

_REMEMBERED = 4096


class Folders:
    """Paths are relative to `root`, which is "". Nothing above the folder of a file is removed for being empty."""

    def __init__(self, root: RootFolder) -> None:
        self.root = root
        self.at = root.descriptor
        self._durable: set[str] = set()

    def open(self, path: str, flags: int, mode: int = 0) -> int:
        return os.open(path, flags, mode, dir_fd=self.at)

    def open_aside(self, path: str, flags: int, mode: int) -> int:
        """A new file at a path that `new_aside` made."""
        flags |= os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return self.open(path, flags, mode)
        except FileNotFoundError:
            self.make(ASIDE)
            return self.open(path, flags, mode)

    def stat(self, path: str) -> os.stat_result:
        return os.stat(path, dir_fd=self.at, follow_symlinks=False)

    def unlink(self, path: str) -> None:
        os.unlink(path, dir_fd=self.at)

    def exists(self, path: str) -> bool:
        """Whether there is anything of that name; a link counts by itself."""
        try:
            self.stat(path)
        except OSError:
            return False
        return True

    def reader(self, path: str) -> FileIO:
        """Opens without waiting; what is no file, such as a FIFO or a link put there by others, is not there."""
        try:
            descriptor = self.open(path, _READ)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise FileNotFoundError(errno.ENOENT, "it is no file", path) from error
            raise
        if not modes.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(errno.ENOENT, "it is no file", path)
        return FileIO(descriptor, "rb")

    def names(self, folder: str) -> list[str]:
        """What is in it; nothing if it is not there."""
        try:
            descriptor = self.open(folder or ".", _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def make(self, folder: str) -> None:
        """Make it, and those above it that are missing, but never the root."""
        for _ in range(_ATTEMPTS):
            try:
                os.mkdir(folder or ".", MODE, dir_fd=self.at)
            except FileExistsError:
                return
            except FileNotFoundError:
                if "/" not in folder:
                    raise self.root.gone() from None
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
                os.rename(source, destination, src_dir_fd=self.at, dst_dir_fd=self.at)
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1 or not self.exists(source):
                    raise
            except IsADirectoryError:  # put there by others: a file takes its place
                if attempt == _ATTEMPTS - 1:
                    raise
                os.rename(destination, new_aside(), src_dir_fd=self.at, dst_dir_fd=self.at)
            else:
                return

    def persist(self, folder: str) -> None:
        """Make durable what was just put into `folder`, and the folder.

        Who made it does not matter: another process may have, and died or still be on its way to doing this. The
        folders above its parent are not removed when emptied, so once per process is enough for them.
        """
        with contextlib.suppress(FileNotFoundError):  # deleted and emptied again by another process
            self.fsync(folder)
        if not folder:
            return
        self._persist_above(os.path.dirname(folder))

    def _persist_above(self, folder: str) -> None:
        self.fsync(folder)
        while folder and folder not in self._durable:
            if len(self._durable) >= _REMEMBERED:
                self._durable.clear()
            self.fsync(os.path.dirname(folder))
            self._durable.add(folder)
            folder = os.path.dirname(folder)

    def persist_all(self, below: list[str]) -> dict[str, OSError]:
        """`persist` of each, their parents once; those that failed, and with what."""
        failed: dict[str, OSError] = {}
        parents: dict[str, list[str]] = {}
        for folder in below:
            try:
                with contextlib.suppress(FileNotFoundError):
                    self.fsync(folder)
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
        if folder:
            with contextlib.suppress(OSError):
                os.rmdir(folder, dir_fd=self.at)

    def fsync(self, folder: str) -> None:
        descriptor = self.open(folder or ".", _FOLDER)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def new_aside() -> str:
    """A path that no file has had, for what is on its way in or out."""
    return f"{ASIDE}/{secrets.token_hex(16)}"
