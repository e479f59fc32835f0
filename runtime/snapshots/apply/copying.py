"""Copying one thing that is no folder from a layer, with all that it is."""

from __future__ import annotations

import os
import stat

from runtime.snapshots.apply import attributes
from runtime.snapshots.merged import Found

_CHUNK = 1 << 30
NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def copy(found: Found, directory: int, base: bytes) -> None:
    """Make it anew in a folder, under a name that is free."""
    name, status = found.path, found.status
    wanted = attributes.of_file(found.layer, found.path, status)
    if stat.S_ISREG(status.st_mode):
        file = os.open(base, NEW, 0o600, dir_fd=directory)
        try:
            _copy_data(found, file)
            attributes.put_on_open(file, wanted, (-1, -1), name)
        finally:
            os.close(file)
        return
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(found.path, dir_fd=found.layer), base, dir_fd=directory)
    else:
        os.mknod(base, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev, dir_fd=directory)
    attributes.put_on_name(directory, base, wanted, stat.S_IFMT(status.st_mode), name)


def _copy_data(found: Found, file: int) -> None:
    """By the kernel: it shares the blocks where the file system can. Holes stay holes."""
    source = os.open(found.path, _READ, dir_fd=found.layer)
    try:
        size, position = found.status.st_size, 0
        os.truncate(file, size)
        while position < size:
            try:
                position = os.lseek(source, position, os.SEEK_DATA)
            except OSError:
                return  # only a hole is left
            end = os.lseek(source, position, os.SEEK_HOLE)
            while position < end:
                copied = os.copy_file_range(source, file, min(end - position, _CHUNK), position, position)
                if not copied:
                    return
                position += copied
    finally:
        os.close(source)
