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
from io import FileIO
from typing import BinaryIO, cast

from storage import threads
from storage.driver import Root, Stat, Writer
from storage.drivers import adoption, file_writer, group
from storage.drivers.folders import MODE, Folders, fsync
from storage.drivers.journal import LARGEST, MOST, Journal
from storage.errors import NotFound

_ASIDE = ".aside"
_libc = ctypes.CDLL(None, use_errno=True)
_STALE = 3600.0
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FilesystemDriver:
    """`path` is the root folder; it is made when it is not there."""

    name = "filesystem"
    local = True

    def __init__(self, path: str) -> None:
        self._root = os.path.abspath(path)
        self._aside = f"{self._root}/{_ASIDE}"
        if not os.path.isdir(self._aside):
            os.makedirs(self._aside, MODE, exist_ok=True)
            fsync(self._root)
            fsync(os.path.dirname(self._root))
        self._folders = Folders(self._root)
        self._journal = Journal(f"{self._root}/.journal", self._aside)
        self._grouping, self._syncing = threading.Lock(), threading.Lock()
        self._doubtful = False
        """Whether the system has said that it lost something that was written."""
        self._whole: int | None = None
        self._owed: set[str] = set()
        """Paths of what is in journals of the past, and could not be stored again."""
        self._recover()
        self._sweep()

    def __del__(self) -> None:
        if getattr(self, "_whole", None) is not None:
            os.close(cast(int, self._whole))

    def stat(self, path: str) -> Stat:
        try:
            found = os.lstat(f"{self._root}/{path}")
        except _MISSING as error:
            raise self._missing(path) from error
        if not modes.S_ISREG(found.st_mode):
            raise _missing(path)
        return Stat(found.st_size, found.st_mtime)

    def open(self, path: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        try:
            reader = FileIO(f"{self._root}/{path}", opener=_open_read)
        except _MISSING as error:
            raise self._missing(path) from error
        if offset:
            reader.seek(offset)
        return cast(BinaryIO, reader)

    def read(self, path: str, limit: int) -> bytes:
        with self.open(path) as reader:
            return reader.read(limit)

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        target = f"{self._root}/{path}"
        aside = self._new_aside()
        try:
            self._fill(aside, data, durable)
            self._folders.rename(aside, target, fresh=False)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(aside)
            raise
        if durable:
            self._folders.persist(os.path.dirname(target))

    def put_group(self, files: Sequence[tuple[str, bytes]]) -> list[Exception | None]:
        small = [file for file in files if len(file[1]) <= LARGEST]
        large = [file for file in files if len(file[1]) > LARGEST]
        found: dict[int, Exception | None] = {}
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
        if self._whole is None:
            # Before anything is written: a file system tells of what it loses by the descriptors that are open then.
            self._whole = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._journal.keep(files)
        except OSError as error:
            return [error] * len(files)
        return self._store(files, durable=False)

    def _store(self, files: Sequence[tuple[str, bytes]], *, durable: bool) -> list[OSError | None]:
        targets = [(f"{self._root}/{path}", data) for path, data in files]
        return group.put_group(targets, self._folders, self._new_aside, file_writer.MODE, durable=durable)

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
        descriptor = self._whole
        if descriptor is None:
            descriptor = self._whole = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # syncfs(2), which reports errors and leaves other disks alone; os.sync does neither.
        if _libc.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), self._root)

    def _recover(self) -> None:
        """Store what a power cut may have taken from under a journal. What is still there needs no more than a sync.

        What cannot be stored, as when the disk is full, is owed: it is no longer missed, and tried again.
        """
        done, owed = [], set()
        for journal, files in self._journal.left():
            refused = [path for path, data in files if not self._restore(f"{self._root}/{path}", path, data)]
            owed.update(refused)
            if not refused:
                done.append(journal)
        self._owed = owed
        with contextlib.suppress(OSError):  # they are found again
            if done:
                self._sync_all()
            for journal in done:
                os.unlink(journal)

    def _restore(self, target: str, path: str, data: bytes) -> bool:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(group.beside(target))
            with contextlib.suppress(*_MISSING):
                with FileIO(target, opener=_open_read) as reader:
                    if reader.read(len(data) + 1) == data:
                        return True
                os.unlink(target)  # cut short: rather missed than taken for damaged
            self.put(path, data, durable=False)
        except OSError:
            return False
        return True

    def _missing(self, path: str) -> Exception:
        if path in self._owed:
            return OSError(errno.EAGAIN, "it is in the journal, and could not be stored yet", path)
        return _missing(path)

    def create(self, path: str) -> Writer:
        return file_writer.create(f"{self._root}/{path}", path, self._root, self._folders)

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        return file_writer.resume(f"{self._root}/{path}", path, offset, self._root, self._folders)

    def move(self, source: str, destination: str) -> None:
        old, new = f"{self._root}/{source}", f"{self._root}/{destination}"
        self.stat(source)
        try:
            self._folders.rename(old, new, fresh=False)
        except FileNotFoundError as error:
            raise _missing(source) from error
        self._folders.persist(os.path.dirname(new))
        fsync(os.path.dirname(old))
        self._folders.prune(os.path.dirname(old))

    def delete(self, path: str) -> None:
        target = f"{self._root}/{path}"
        try:
            os.unlink(target)
        except _MISSING as error:
            raise _missing(path) from error
        self._folders.prune(os.path.dirname(target))

    def delete_tree(self, path: str) -> None:
        aside = self._new_aside()
        try:
            os.rename(f"{self._root}/{path}", aside)
        except _MISSING as error:
            raise _missing(path) from error
        _remove(aside)

    def list(self, path: str) -> Iterator[str]:
        try:
            names = os.listdir(f"{self._root}/{path}" if path else self._root)
        except _MISSING:
            return iter(())
        return iter(sorted(name for name in names if not name.startswith(".")))

    def probe(self) -> None:
        aside = self._new_aside()
        data = secrets.token_bytes(16)
        try:
            self._fill(aside, data, durable=False)
            with FileIO(aside, opener=_open_read) as reader:
                if reader.read(len(data) + 1) != data:
                    raise OSError(5, "what was written is not what is read", aside)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(aside)

    def local_path(self, path: str) -> str:
        return f"{self._root}/{path}"

    def open_folder(self, folder: str) -> Root:
        self._folders.make(f"{self._root}/{folder}")
        found = os.stat(self._root)
        return Root(self._root, found.st_dev, found.st_ino)

    def adopt(self, path: str, destination: str, judge: Callable[[BinaryIO], None]) -> int:
        return adoption.adopt(f"{self._root}/{path}", path, f"{self._root}/{destination}", self._folders, judge)

    def discard(self, path: str, before: float | None = None) -> bool:
        return adoption.discard(f"{self._root}/{path}", before)

    def _new_aside(self) -> str:
        return f"{self._aside}/{secrets.token_hex(16)}"

    def _fill(self, path: str, data: bytes, durable: bool) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, file_writer.MODE)
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
            for name in os.listdir(self._aside):
                path = f"{self._aside}/{name}"
                if os.lstat(path).st_ctime < time.time() - _STALE:
                    _remove(path)


def _remove(path: str) -> None:
    """A file or a tree that is out of sight already; what cannot be removed is left to the next sweep."""
    try:
        os.unlink(path)
    except IsADirectoryError:
        shutil.rmtree(path, ignore_errors=True)


def _open_read(path: str, _flags: int) -> int:
    return os.open(path, _READ)


def _missing(path: str) -> NotFound:
    return NotFound(f"{path} is not there", path)
