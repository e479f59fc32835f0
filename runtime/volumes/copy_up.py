"""The content of an image's folder, copied into an empty volume: owners, modes, times, xattrs, hard links, nodes.

Both trees are walked by descriptors below their roots, and no link is followed in either: the source is what an image
brought, and the destination may be mounted in a container that runs already.
"""

import errno
import os
import stat
from typing import Final

from runtime.syscall.files import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_BELOW: Final = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
_NOT_OURS: Final = ("trusted.overlay.", "user.overlay.", "system.")
_PIECE: Final = 1 << 20


def copy(source: int, destination: int) -> None:
    """Copy what is in one open folder, and how the folder itself is, to another that is empty."""
    links: dict[tuple[int, int], str] = {}
    folders = ["."]
    for folder in folders:
        with Below(source, folder) as there, Below(destination, folder) as here:
            for name in os.listdir(there.number):
                path = f"{folder}/{name}"
                found = os.stat(name, dir_fd=there.number, follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    os.mkdir(name, 0o700, dir_fd=here.number)
                    folders.append(path)
                    continue
                known = links.get((found.st_dev, found.st_ino))
                if known is not None:
                    _link(destination, known, here.number, name)
                    continue
                if found.st_nlink > 1:
                    links[found.st_dev, found.st_ino] = path
                _entry(there.number, here.number, name, found)
    for folder in reversed(folders):
        with Below(source, folder) as there, Below(destination, folder) as here:
            _finish(there.number, here.number, os.fstat(there.number))


class Below:
    """A folder below a root, open within the block."""

    def __init__(self, root: int, path: str) -> None:
        self.number = openat2(root, path, _FOLDER, resolve=_BELOW)

    def __enter__(self) -> "Below":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)


def _entry(there: int, here: int, name: str, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        _file(there, here, name, found)
        return
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(name, dir_fd=there), name, dir_fd=here)
    else:
        os.mknod(name, found.st_mode, found.st_rdev, dir_fd=here)
    os.chown(name, found.st_uid, found.st_gid, dir_fd=here, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=here)
    os.utime(name, ns=(found.st_atime_ns, found.st_mtime_ns), dir_fd=here, follow_symlinks=False)


def _file(there: int, here: int, name: str, found: os.stat_result) -> None:
    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=there)
    try:
        writing = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=here)
        try:
            while piece := os.read(reading, _PIECE):
                _write_all(writing, piece)
            _finish(reading, writing, found)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _write_all(writing: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(writing, view) :]


def _finish(reading: int, writing: int, found: os.stat_result) -> None:
    """Owner first: changing it takes setuid bits and capabilities away. Times last: all else changes them."""
    os.fchown(writing, found.st_uid, found.st_gid)
    os.fchmod(writing, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(reading):
        if not name.startswith(_NOT_OURS) or name.startswith("system.posix_acl"):
            _set_xattr(writing, name, os.getxattr(reading, name))
    os.utime(writing, ns=(found.st_atime_ns, found.st_mtime_ns))


def _set_xattr(writing: int, name: str, value: bytes) -> None:
    try:
        os.setxattr(writing, name, value)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM):
            raise


def _link(root: int, known: str, here: int, name: str) -> None:
    parent, _, first = known.rpartition("/")
    with Below(root, parent) as folder:
        os.link(first, name, src_dir_fd=folder.number, dst_dir_fd=here, follow_symlinks=False)
