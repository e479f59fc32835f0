"""A journal of small files: their bytes made durable with one wait, so that the files themselves need none.

    keep       the bytes of a group are appended to the journal and synced; only then are its files published, unsynced
    turn       what comes later goes to another file of the journal
    forget     after a sync of the whole storage: what was kept before the turn is on the disk as files

After a power cut the files of a journal that is left are stored again (`left`). Its files are content under its
digest, so storing one again is harmless at any time and in any order. Each process has its own, under flock, which
ends with it: the process that finds one without an owner may store what it holds.

It may never publish a file before its bytes are synced here, nor be forgotten before a sync of the whole storage has
succeeded. What it gains: one wait for a group, whatever number of files and folders ("small image push" in
docs/benchmarks.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from storage.checked import is_path
from storage.drivers.folders import Folders

LARGEST = 64 * 1024
"""A file over this many bytes is cheaper synced than written twice."""

MOST = 8 << 20
"""Bytes after which a sync of the storage is due, so that the journal is bounded."""

_HEAD = struct.Struct(">8sHI16s")
"""Salt, lengths of path and bytes, check. A salt for each beginning anew: what stands behind its end is older."""


@dataclass(slots=True)
class _File:
    path: str
    descriptor: int
    salt: bytes
    size: int = 0

    def __del__(self) -> None:
        os.close(self.descriptor)


class Journal:
    """Of one process. `keep`, `turn` and `forget` are called by one thread at a time."""

    def __init__(self, folder: str, aside: str, folders: Folders) -> None:
        self._folder = folder
        self._folders = folders
        self._aside = aside
        self._current: _File | None = None
        self._spare: _File | None = None
        self._turned: list[_File] = []

    @property
    def size(self) -> int:
        """Bytes kept since the last turn."""
        return 0 if self._current is None else self._current.size

    def keep(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Have these on the disk, or raise with nothing kept. What a failed sync leaves is not trusted again."""
        if self._current is None:
            self._current, self._spare = self._spare or self._new(), None
        file = self._current
        group = b"".join([_record(file.salt, path, data) for path, data in files])
        try:
            self._write(file.path, group, file.size, sync=True)
        except BaseException:
            self.turn()
            raise
        file.size += len(group)

    def turn(self) -> int:
        """Begin another file; how many there are before it, which `forget` wants to know."""
        if self._current is not None and self._current.size:
            self._turned.append(self._current)
            self._current = None
        elif self._current is not None:
            self._discard(self._current)
            self._current = None
        return len(self._turned)

    def turned(self, count: int) -> Iterator[tuple[str, bytes]]:
        """All that the first `count` files hold."""
        for file in self._turned[:count]:
            yield from _records(os.pread(file.descriptor, file.size, 0))

    def forget(self, count: int) -> None:
        """The first `count` files are of no use any more."""
        gone, self._turned = self._turned[:count], self._turned[count:]
        for file in gone:
            if self._spare is None:
                # Written over from its beginning: its blocks are there already. Should this not last, what it held is
                # stored once more.
                with contextlib.suppress(OSError):
                    self._write(file.path, bytes(_HEAD.size), 0, sync=False)
                file.salt, file.size = secrets.token_bytes(8), 0
                self._spare = file
            else:
                self._discard(file)

    def left(self) -> Iterator[tuple[str, Iterator[tuple[str, bytes]]]]:
        """The journals of processes that have ended: where each is, and what it holds. They may be read by several."""
        for name in self._folders.names(self._folder):
            path = f"{self._folder}/{name}"
            with contextlib.suppress(FileNotFoundError), self._folders.reader(path) as file:
                try:
                    fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # its process lives
                yield path, _records(file.read())

    def _new(self) -> _File:
        # Locked before it has its name, so that no process takes it for one that was left.
        name = secrets.token_hex(16)
        aside = f"{self._aside}/{name}"
        descriptor = self._folders.open_aside(aside, os.O_RDONLY, 0o600)
        file = _File(f"{self._folder}/{name}", descriptor, secrets.token_bytes(8))
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._folders.rename(aside, file.path, fresh=True)
        self._folders.persist(self._folder)
        return file

    def _discard(self, file: _File) -> None:
        with contextlib.suppress(OSError):
            self._folders.unlink(file.path)

    def _write(self, path: str, data: bytes, offset: int, *, sync: bool) -> None:
        # Opened for each group: a disk cannot be made read-only while a file on it is open for writing.
        descriptor = self._folders.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            done = 0
            while done < len(data):
                done += os.pwrite(descriptor, memoryview(data)[done:], offset + done)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _record(salt: bytes, path: str, data: bytes) -> bytes:
    body = path.encode() + data
    size = len(body) - len(data)
    return _HEAD.pack(salt, size, len(data), _check(salt, size, body)) + body


def _check(salt: bytes, size: int, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16, key=salt + size.to_bytes(2, "big")).digest()


def _records(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Those of one salt, up to the first that is not whole: a group whose sync did not end."""
    start, first = 0, data[:8]
    while start + _HEAD.size <= len(data):
        salt, path, size, check = _HEAD.unpack_from(data, start)
        body = data[start + _HEAD.size : start + _HEAD.size + path + size]
        if salt != first or _check(salt, path, body) != check:
            return
        name = body[:path].decode("ascii", "replace")
        if is_path(name):  # no record of ours has another
            yield name, body[path:]
        start += _HEAD.size + path + size
