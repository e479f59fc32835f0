"""One blob goes to a registry of this machine as a file: a clone or a link in its folder, for one of its uploads.

The registry reads, verifies and publishes it. Of a link both have the same bytes from then on: it is read-only for all,
its owner is root or the registry's user, and no other process can make it writable.
"""

import fcntl
import os
import re
import stat as modes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from runtime.images.clone import cloned
from storage import paths as stored

_UPLOAD: Final = re.compile(r"[0-9a-f]{32}")
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ_ONLY: Final = 0o440
WRITABLE: Final = modes.S_IWUSR | modes.S_IWGRP | modes.S_IWOTH
"""Mode bits that a file with several names does not have."""


class LinkedUpload:
    """The file at `source` for the registry whose storage is the folder `storage`. `taken`: it was, in the end."""

    def __init__(self, storage: Path, source: Path) -> None:
        self._storage = storage
        self._source = source
        self.taken = False

    @contextmanager
    def __call__(self, upload: str) -> Iterator[bool]:
        """A `distribution.Place`. Whatever does not fit is no error: the bytes can be sent."""
        if _UPLOAD.fullmatch(upload) is None:
            yield False
            return
        try:
            folder = _opened(self._storage)
        except OSError:
            yield False
            return
        put = False
        try:
            put = self._put(folder, upload)
            yield put
        finally:
            try:
                os.unlink(upload, dir_fd=folder)
            except OSError as error:
                self.taken = put and isinstance(error, FileNotFoundError)
            os.close(folder)

    def _put(self, folder: int, name: str) -> bool:
        try:
            reader = os.open(self._source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            owner = os.fstat(folder)
            return _cloned(reader, folder, name, owner) or self._linked(reader, folder, name, owner)
        except OSError:
            return False
        finally:
            os.close(reader)

    def _linked(self, reader: int, folder: int, name: str, owner: os.stat_result) -> bool:
        fcntl.flock(reader, fcntl.LOCK_EX)  # two registries must not both find that no other process has the file
        if not _made_readable(reader, owner):
            return False
        os.link(self._source, name, dst_dir_fd=folder, follow_symlinks=False)
        return True


def _opened(storage: Path) -> int:
    """The folder for such files, without following a link below the storage's root. Raises OSError."""
    folder = os.open(storage, _FOLDER)
    for part in stored.LINKED.split("/"):
        try:
            below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        folder = below
    return folder


def _cloned(reader: int, folder: int, name: str, owner: os.stat_result) -> bool:
    writer = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    done = False
    try:
        if cloned(reader, writer):
            if owner.st_uid != os.geteuid():
                os.fchown(writer, owner.st_uid, owner.st_gid)
            os.fchmod(writer, _READ_ONLY)
            done = True
    finally:
        os.close(writer)
        if not done:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    return done


def _made_readable(reader: int, owner: os.stat_result) -> bool:
    """See that the registry, the owner of its folder, can read the file, and none write to it; False if it cannot be.

    A file that others have links to keeps its group: it may be by that that they can read it. Raises OSError.
    """
    found = os.fstat(reader)
    if not modes.S_ISREG(found.st_mode) or found.st_uid not in (0, owner.st_uid):
        return False
    needed = modes.S_IMODE(found.st_mode) & ~WRITABLE
    if owner.st_uid not in (0, found.st_uid):
        if found.st_gid != owner.st_gid:
            if found.st_nlink > 1:
                return False
            os.fchown(reader, -1, owner.st_gid)
        needed = _READ_ONLY
    if modes.S_IMODE(found.st_mode) != needed:
        os.fchmod(reader, needed)
    return True
