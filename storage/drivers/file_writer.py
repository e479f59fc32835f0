"""A partial file of the filesystem driver: a raw descriptor, opened for appending, under flock.

The kernel drops the lock with the process, so `kill -9` leaves bytes and no lock. The bytes are fsynced before the
rename that publishes them, and the folders after it: at any moment a destination holds nothing or all of a file.

Large aligned pieces are written past the page cache (O_DIRECT). They have to be on the disk before they are
acknowledged anyway, and copying them into memory first costs more than hashing them does.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os

from storage.digest import Buffer
from storage.driver import Stat
from storage.drivers.folders import Folders
from storage.errors import Busy, Exists, NotFound, OffsetMismatch

MODE = 0o640
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CLOSED = -1

BLOCK = 4096
"""What O_DIRECT wants offsets, lengths and addresses to be multiples of: enough for every disk in use."""

DIRECT_WORTH = 256 * 1024
"""Bytes below which the page cache is quicker."""


class FileWriter:
    """`path` and destinations are relative to the root of `folders`."""

    __slots__ = ("_can_direct", "_descriptor", "_direct", "_folders", "_path", "_size")

    def __init__(self, descriptor: int, size: int, path: str, folders: Folders) -> None:
        self._descriptor = descriptor
        self._size = size
        self._path = path
        self._folders = folders
        self._direct = False
        self._can_direct = True

    @property
    def size(self) -> int:
        return self._size

    @property
    def doubtful(self) -> bool:
        return False

    def stat(self) -> Stat:
        found = os.fstat(self._descriptor)
        return Stat(self._size, found.st_mtime)

    def write(self, data: Buffer) -> None:
        view = memoryview(data)
        length = view.nbytes
        try:
            past_cache = self._write_direct(view) if self._can_direct and length >= DIRECT_WORTH else 0
            if past_cache < length:
                self._set_direct(False)
                _write_all(self._descriptor, view[past_cache:])
        except OSError:
            self._take_back()
            raise
        self._size += length

    def _write_direct(self, view: memoryview) -> int:
        """Write whole blocks past the page cache; how many bytes, 0 where that cannot be done."""
        if self._size % BLOCK or not _aligned(view) or not self._set_direct(True):
            return 0
        length = view.nbytes - view.nbytes % BLOCK
        try:
            done = os.write(self._descriptor, view[:length])
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # The file system takes the flag and then no such write.
            self._can_direct = False
            return 0
        if done % BLOCK == 0 and done < length:
            _write_all(self._descriptor, view[done:length])
            done = length
        return done

    def _set_direct(self, direct: bool) -> bool:
        """Switch O_DIRECT on or off; whether it is as asked."""
        if self._direct is not direct:
            flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | (os.O_DIRECT if direct else 0)
            try:
                fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags)
            except OSError:
                if not direct:
                    raise
                self._can_direct = False
                return False
            self._direct = direct
        return True

    def commit(self, destination: str) -> str:
        self._folders.root.check()
        try:
            os.fsync(self._descriptor)
        except OSError:
            # The kernel may have dropped the pages it could not write and call them clean: a second fsync would succeed
            # over bytes that are not on the disk.
            self.cancel()
            self._size = 0
            raise
        self._folders.rename(self._path, destination, fresh=True)
        self._close()
        try:
            self._folders.persist(os.path.dirname(destination))
        except OSError:
            self._size = 0
            raise
        self._folders.prune(os.path.dirname(self._path))
        return destination

    def rewind(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        self._size = size

    def suspend(self) -> str:
        if self._descriptor != _CLOSED:
            self._close()
        return ""

    def cancel(self) -> None:
        if self._descriptor == _CLOSED:
            return
        try:
            with contextlib.suppress(FileNotFoundError):
                self._folders.unlink(self._path)
        finally:
            self._close()
        self._folders.prune(os.path.dirname(self._path))

    def _take_back(self) -> None:
        """Drop what a failed write left behind; or say how long the file really is."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._size = os.fstat(self._descriptor).st_size

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, _CLOSED
        os.close(descriptor)

    def __del__(self) -> None:
        # Forgotten without suspend: let go of the lock, as the end of the process would.
        if self._descriptor != _CLOSED:
            self._close()


def _write_all(descriptor: int, view: memoryview) -> None:
    done, length = os.write(descriptor, view), view.nbytes
    while done < length:
        done += os.write(descriptor, view[done:])


def _aligned(view: memoryview) -> bool:
    """Whether its memory begins on a block; memory that cannot be written to is a `bytes` object, and does not."""
    return not view.readonly and ctypes.addressof(ctypes.c_char.from_buffer(view)) % BLOCK == 0


def create(path: str, folders: Folders) -> FileWriter:
    """Begin the file at `path`."""
    folders.make(os.path.dirname(path))
    try:
        descriptor = folders.open(path, _APPEND | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError as error:
        raise Exists(f"{path} was begun already, resume it", path) from error
    if _lock(descriptor, path, folders):
        # Between our making it and our lock another process has opened it, locked it, written and let go.
        os.close(descriptor)
        raise Exists(f"{path} was begun already, resume it", path)
    return FileWriter(descriptor, 0, path, folders)


def resume(path: str, offset: int | None, folders: Folders) -> FileWriter:
    """Go on with the file at `path`."""
    try:
        descriptor = folders.open(path, _APPEND)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(f"{path} is not there", path) from error
    size = _lock(descriptor, path, folders)
    try:
        if offset is not None and offset < size:
            os.ftruncate(descriptor, offset)
        elif offset is not None and offset > size:
            raise OffsetMismatch(size, path)
    except BaseException:
        os.close(descriptor)
        raise
    return FileWriter(descriptor, size if offset is None else offset, path, folders)


def _lock(descriptor: int, path: str, folders: Folders) -> int:
    """Lock the file, closing it when that fails; its size."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        opened = os.fstat(descriptor)
        # Between our open and our lock its last writer may have published or removed it: then the lock is on a file
        # that is a blob by now, and must not be written.
        found = folders.stat(path)
        if (found.st_ino, found.st_dev) != (opened.st_ino, opened.st_dev):
            raise Busy(f"{path} was just replaced, try again", path)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Busy(f"{path} is being written to, wait for it to end", path) from error
    except FileNotFoundError as error:
        os.close(descriptor)
        raise NotFound(f"{path} is not there any more", path) from error
    except BaseException:
        os.close(descriptor)
        raise
    return opened.st_size
