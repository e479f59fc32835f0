"""The first bytes of young sessions, which wait in memory for what comes next. Most are published from there.

Where a worker is alone they are its own. Where there are several they are files in the machine's memory, so that a
session can be gone on with by any worker without a file on the disk, which would cost a small push more than all else
that is done for it. A file is locked (flock) by the request that changes it or publishes it, and by nothing longer.
What a kill leaves is removed by age; nothing durable is ever here, and a reboot may take all of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from typing import Protocol

MEMORY = "/dev/shm"  # noqa: S108 - the folder made there is checked
_READ_MOST = 1 << 20


class Taken(Exception):
    """Another request has the buffer."""


class Buffer(Protocol):
    """What one session has in memory, for one request alone."""

    data: bytes

    def append(self, data: bytes) -> None: ...

    def remove(self) -> None: ...


class Buffers(Protocol):
    """By the ids of sessions. Called on the event loop and in threads; nothing here waits."""

    @property
    def shared(self) -> bool:
        """With other workers."""

    def size(self, upload: str) -> int:
        """Bytes that it has; 0 where there is no buffer."""

    def open(self, upload: str, *, make: bool = False) -> contextlib.AbstractContextManager[Buffer | None]:
        """Have it alone; None where there is none and none is to be made. Raises Taken."""

    def is_taken(self, upload: str) -> bool:
        """Whether another request has it, or a worker that writes it down."""


class _Own:
    def __init__(self, all: dict[str, bytes], upload: str) -> None:
        self._all = all
        self._upload = upload
        self.data = all.get(upload, b"")

    def append(self, data: bytes) -> None:
        self.data = self._all[self._upload] = self.data + data

    def remove(self) -> None:
        self._all.pop(self._upload, None)


class OwnBuffers:
    """Of a worker that is alone: its sessions admit one request at a time, so that none is ever taken."""

    shared = False

    def __init__(self) -> None:
        self._all: dict[str, bytes] = {}

    def size(self, upload: str) -> int:
        return len(self._all.get(upload, b""))

    @contextlib.contextmanager
    def open(self, upload: str, *, make: bool = False) -> Iterator[Buffer | None]:
        yield _Own(self._all, upload) if make or upload in self._all else None

    def is_taken(self, upload: str) -> bool:
        return False


class _Shared:
    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self.data = os.pread(descriptor, _READ_MOST, 0)

    def append(self, data: bytes) -> None:
        size = len(self.data)
        try:
            done = os.pwrite(self._descriptor, data, size)
            if done < len(data):
                raise OSError(28, "the machine's memory for files is full", self._path)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise
        self.data += data

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


class SharedBuffers:
    """Files in a folder that this user alone can enter."""

    shared = True

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, 0o700, exist_ok=True)
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(13, "it is not a folder of this user alone", folder)
        self._folder = folder

    @classmethod
    def of(cls, server: str, otherwise: str) -> SharedBuffers:
        """Of this server (any text that its workers share) in memory, or in the folder given where that cannot be."""
        name = hashlib.sha256(server.encode()).hexdigest()[:24]
        try:
            return cls(f"{MEMORY}/entrepot-{os.geteuid()}-{name}")
        except OSError:
            return cls(otherwise)

    def size(self, upload: str) -> int:
        try:
            return os.lstat(f"{self._folder}/{upload}").st_size
        except FileNotFoundError:
            return 0

    @contextlib.contextmanager
    def open(self, upload: str, *, make: bool = False) -> Iterator[Buffer | None]:
        path = f"{self._folder}/{upload}"
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if make else 0)
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            yield None
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Taken from error
            if not os.fstat(descriptor).st_nlink:  # removed by the one that had it when it was opened
                raise Taken
            yield _Shared(path, descriptor)
        finally:
            os.close(descriptor)

    def is_taken(self, upload: str) -> bool:
        try:
            descriptor = os.open(f"{self._folder}/{upload}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def sweep(self, before: float) -> None:
        """Remove those not written to since that time (seconds since the epoch)."""
        for name in os.listdir(self._folder):
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(f"{self._folder}/{name}").st_mtime < before:
                    os.unlink(f"{self._folder}/{name}")
