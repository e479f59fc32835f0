"""Files below one folder. Written aside and renamed, fsynced with their folders.

<root>/docker/registry/v2/...   what storage/paths.py says
<root>/.aside/<random>          small files on their way in, trees on their way out; swept at start when an hour old
<root>/.journal/<random>        the bytes of small files that are not on the disk as files yet (`journal.py`)
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import stat as modes
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

from storage import threads
from storage.driver import Root, Stat, Writer
from storage.drivers import adoption, file_writer, group
from storage.drivers.folders import ASIDE, MODE, Folders, new_aside
from storage.drivers.journal import LARGEST, MOST, Journal
from storage.drivers.root import RootFolder
from storage.errors import NotFound

_libc = ctypes.CDLL(None, use_errno=True)
_STALE = 3600.0
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FilesystemDriver:
    """`path` is the root folder, made when it is not there; or `descriptor` is that folder, open since the start."""

    name = "filesystem"
    local = True

    def __init__(self, path: str, descriptor: int | None = None) -> None:
        if descriptor is None:
            _make(path)
        self._root = RootFolder(path, descriptor)
        self._folders = Folders(self._root)
        self._journal = Journal(".journal", ASIDE, self._folders)
        self._grouping, self._syncing = threading.Lock(), threading.Lock()
        self._doubtful = False
        """Whether the system has said that it lost something that was written."""
        self._owed: set[str] = set()
        """Paths of what is in journals of the past, and could not be stored again."""
        self._recover()
        self._sweep()

    def stat(self, path: str) -> Stat:
        try:
            found = self._folders.stat(path)
        except _MISSING as error:
            raise self._missing(path) from error
        if not modes.S_ISREG(found.st_mode):
            raise _missing(path)
        return Stat(found.st_size, found.st_mtime)

    def open(self, path: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        try:
            reader = self._folders.reader(path)
        except _MISSING as error:
            raise self._missing(path) from error
        if offset:
            reader.seek(offset)
        return cast(BinaryIO, reader)

    def read(self, path: str, limit: int) -> bytes:
        with self.open(path) as reader:
            return reader.read(limit)

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        if durable:
            self._root.check()
        aside = new_aside()
        try:
            self._fill(aside, data, durable)
            self._folders.rename(aside, path, fresh=False)
        except BaseException:
            with contextlib.suppress(OSError):
                self._folders.unlink(aside)
            raise
        if durable:
            self._folders.persist(os.path.dirname(path))

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        if not durable:
            return list(self._store(files, durable=False))
        small = [file for file in files if len(file[1]) <= LARGEST]
        large = [file for file in files if len(file[1]) > LARGEST]
        found: dict[int, Exception | None] = {}
        self._root.check()
        if small:
            with self._grouping:  # what is in the journal is a file before it may be forgotten
                if self._owed:
                    self._recover()
                found |= zip(map(id, small), self._put_small(small), strict=True)
            self._bound_journal()
        if large:
            found |= zip(map(id, large), self._store(large, durable=True), strict=True)
        return [found[id(file)] for file in files]

    def _put_small(self, files: Sequence[tuple[str, bytes]]) -> list[OSError | None]:
        try:
            self._journal.keep(files)
        except OSError as error:
            return [error] * len(files)
        return self._store(files, durable=False)

    def _store(self, files: Sequence[tuple[str, bytes]], *, durable: bool) -> list[OSError | None]:
        return group.put_group(files, self._folders, new_aside, file_writer.MODE, durable=durable)

    def _bound_journal(self) -> None:
        """Have the journal emptied in the background when it is long, or now when that does not keep up."""
        if self._journal.size > 4 * MOST:
            self.sync()
        elif self._journal.size > MOST and not self._syncing.locked():
            threading.Thread(target=self._empty_journal, name="storage-sync", daemon=True).start()

    def _empty_journal(self) -> None:
        threads.begin()
        with contextlib.suppress(OSError):  # it is tried again, and what is in the journal is safe
            self.sync()

    def sync(self) -> None:
        with self._syncing:
            with self._grouping:
                turned = self._journal.turn()
            try:
                if self._doubtful:
                    for path, data in self._journal.turned(turned):
                        self.put(path, data)
                self._sync_all()
            except BaseException:
                self._doubtful = turned > 0
                raise
            self._doubtful = False
            with self._grouping:
                self._journal.forget(turned)

    def _sync_all(self) -> None:
        # syncfs(2), which reports errors and leaves other disks alone; os.sync does neither. It tells a descriptor of
        # all that was lost since that was opened: before anything was written.
        if _libc.syncfs(self._root.descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), self._root.path)

    def _recover(self) -> None:
        """Store what a power cut may have taken from under a journal. What is still there needs no more than a sync.

        What cannot be stored, as when the disk is full, is owed: it is no longer missed, and tried again.
        """
        done, owed = [], set()
        for journal, files in self._journal.left():
            refused = [path for path, data in files if not self._restore(path, data)]
            owed.update(refused)
            if not refused:
                done.append(journal)
        self._owed = owed
        with contextlib.suppress(OSError):  # they are found again
            if done:
                self._sync_all()
            for journal in done:
                self._folders.unlink(journal)

    def _restore(self, path: str, data: bytes) -> bool:
        try:
            with contextlib.suppress(FileNotFoundError):
                self._folders.unlink(group.beside(path))
            with contextlib.suppress(*_MISSING):
                with self._folders.reader(path) as reader:
                    if reader.read(len(data) + 1) == data:
                        return True
                self._folders.unlink(path)  # cut short: rather missed than taken for damaged
            self.put(path, data, durable=False)
        except OSError:
            return False
        return True

    def _missing(self, path: str) -> Exception:
        if path in self._owed:
            return OSError(errno.EAGAIN, "it is in the journal, and could not be stored yet", path)
        return _missing(path)

    def create(self, path: str) -> Writer:
        return file_writer.create(path, self._folders)

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        return file_writer.resume(path, offset, self._folders)

    def move(self, source: str, destination: str) -> None:
        self.stat(source)
        try:
            self._folders.rename(source, destination, fresh=False)
        except FileNotFoundError as error:
            raise _missing(source) from error
        self._folders.persist(os.path.dirname(destination))
        self._folders.fsync(os.path.dirname(source))
        self._folders.prune(os.path.dirname(source))

    def delete(self, path: str) -> None:
        try:
            self._folders.unlink(path)
        except _MISSING as error:
            raise _missing(path) from error
        self._folders.prune(os.path.dirname(path))

    def delete_tree(self, path: str) -> None:
        aside = new_aside()
        try:
            self._folders.rename(path, aside, fresh=False)
        except _MISSING as error:
            raise _missing(path) from error
        self._remove(aside)

    def list(self, path: str) -> Iterator[str]:
        return iter(sorted(name for name in self._folders.names(path) if not name.startswith(".")))

    def probe(self) -> None:
        self._root.check()
        aside = new_aside()
        data = secrets.token_bytes(16)
        try:
            self._fill(aside, data, durable=True)
            with self._folders.reader(aside) as reader:
                if reader.read(len(data) + 1) != data:
                    raise OSError(errno.EIO, "what was written is not what is read", aside)
        finally:
            with contextlib.suppress(FileNotFoundError):
                self._folders.unlink(aside)

    def local_path(self, path: str) -> str:
        return f"{self._root.path}/{path}"

    def open_folder(self, folder: str) -> Root:
        self._folders.make(folder)
        found = os.fstat(self._root.descriptor)
        return Root(self._root.path, found.st_dev, found.st_ino)

    def adopt(self, path: str, destination: str, judge: Callable[[BinaryIO], None]) -> int:
        return adoption.adopt(path, destination, self._folders, judge)

    def discard(self, path: str, before: float | None = None) -> bool:
        return adoption.discard(path, self._folders, before)

    def _fill(self, path: str, data: bytes, durable: bool) -> None:
        descriptor = self._folders.open_aside(path, os.O_WRONLY, file_writer.MODE)
        try:
            done = os.write(descriptor, data)
            while done < len(data):
                done += os.write(descriptor, memoryview(data)[done:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove what killed processes left aside. A disk that refuses is no reason not to start."""
        with contextlib.suppress(OSError):
            for name in self._folders.names(ASIDE):
                path = f"{ASIDE}/{name}"
                if self._folders.stat(path).st_ctime < time.time() - _STALE:
                    self._remove(path)

    def _remove(self, path: str) -> None:
        """A file or a tree that is out of sight already; what cannot be removed is left to the next sweep."""
        try:
            self._folders.unlink(path)
        except IsADirectoryError:
            shutil.rmtree(path, ignore_errors=True, dir_fd=self._root.descriptor)


def _make(path: str) -> None:
    aside = f"{os.path.abspath(path)}/{ASIDE}"
    if not os.path.isdir(aside):
        os.makedirs(aside, MODE, exist_ok=True)
        for folder in (path, os.path.dirname(os.path.abspath(path))):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _missing(path: str) -> NotFound:
    return NotFound(f"{path} is not there", path)
