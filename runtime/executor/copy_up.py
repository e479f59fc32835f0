"""tmpcopyup: what an image has at a place is copied into the tmpfs that will hide it, by directory descriptors."""

from __future__ import annotations

import os
import stat

_CHUNK_BYTES = 1 << 20


def copy_tree(source: int, target: int) -> None:
    """Copy what is in one directory into another: directories, files and links, with owners, modes and times.

    Takes `source` and closes it. Other kinds of files are left out, as nothing in an image's directory needs them.
    """
    try:
        for entry in os.scandir(source):
            _copy(source, target, entry.name, entry.stat(follow_symlinks=False))
    finally:
        os.close(source)


def _copy(source: int, target: int, name: str, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        os.chown(name, found.st_uid, found.st_gid, dir_fd=target, follow_symlinks=False)
    elif stat.S_ISDIR(found.st_mode):
        os.mkdir(name, 0o700, dir_fd=target)
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target)
        try:
            copy_tree(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source), made)
            _same(made, found)
        finally:
            os.close(made)
    elif stat.S_ISREG(found.st_mode):
        read = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
        made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            while chunk := os.read(read, _CHUNK_BYTES):
                os.write(made, chunk)
            _same(made, found)
        finally:
            os.close(read)
            os.close(made)


def _same(made: int, found: os.stat_result) -> None:
    os.fchown(made, found.st_uid, found.st_gid)
    os.fchmod(made, stat.S_IMODE(found.st_mode))
    os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
