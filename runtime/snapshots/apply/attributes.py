"""Owner, mode, times and extended attributes: taken from entries, read from files, put on files."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from runtime.snapshots.errors import InvalidLayer, Unsupported, printable
from runtime.snapshots.marks import INTERNAL

if TYPE_CHECKING:
    from runtime.snapshots.tar.entry import Entry

_MODE = 0o7777
_NO_ID = 0xFFFFFFFF
"""chown(2) takes it as "leave it"."""
_TIMES = range(-(1 << 31), 1 << 33)
"""Seconds that file systems can store."""
_SECOND = 1_000_000_000

# What no layer may set: trusted attributes are the host's, labels are its policy's.
_REFUSED = (b"trusted.", b"user.overlay.", b"security.selinux", b"security.evm", b"security.ima")
_IGNORED = (errno.ENOTSUP, errno.EPERM)


class Attributes(NamedTuple):
    """Times in nanoseconds since the epoch."""

    mode: int
    uid: int
    gid: int
    mtime: int
    atime: int
    xattrs: dict[bytes, bytes]


def of_entry(entry: Entry) -> Attributes:
    """Raises InvalidLayer for an owner that cannot be."""
    if not (0 <= entry.uid < _NO_ID and 0 <= entry.gid < _NO_ID):
        raise InvalidLayer(f"its owner {entry.uid}:{entry.gid} is out of bounds", entry.name)
    mtime = _bounded(entry.mtime)
    atime = mtime if entry.atime is None else _bounded(entry.atime)
    xattrs = entry.xattrs
    if xattrs:
        xattrs = {key: value for key, value in xattrs.items() if not key.startswith(_REFUSED)}
    return Attributes(entry.mode & _MODE, entry.uid, entry.gid, mtime, atime, xattrs)


def of_file(directory: int, path: bytes, status: os.stat_result) -> Attributes:
    """Those of something that is there, what overlayfs keeps for itself left out."""
    xattrs = xattrs_of(directory, path)
    return Attributes(
        status.st_mode & _MODE, status.st_uid, status.st_gid, status.st_mtime_ns, status.st_atime_ns, xattrs
    )


def xattrs_of(directory: int, path: bytes) -> dict[bytes, bytes]:
    """Extended attributes of something, not of what it links to."""
    place = by_descriptor(directory, path)
    try:
        names = [os.fsencode(name) for name in os.listxattr(place, follow_symlinks=False)]
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise
    return {
        name: os.getxattr(place, name, follow_symlinks=False) for name in sorted(names) if not name.startswith(INTERNAL)
    }


def put_on_open(file: int, attributes: Attributes, owner: tuple[int, int], name: bytes) -> None:
    """On a file or folder that is open and now belongs to `owner`.

    The order is the kernel's: changing the owner drops capabilities and the set-user-id bit.
    """
    if (attributes.uid, attributes.gid) != owner:
        _give(file, attributes, None)
    for key, value in attributes.xattrs.items():
        _set(file, key, value, name)
    os.chmod(file, attributes.mode)
    os.utime(file, ns=(attributes.atime, attributes.mtime))


def put_on_name(directory: int, base: bytes, attributes: Attributes, kind: int, name: bytes) -> None:
    """On what was just made in a folder and cannot be opened: a link, a device, a FIFO."""
    _give(base, attributes, directory)
    for key, value in attributes.xattrs.items():
        _set(by_descriptor(directory, base), key, value, name)
    if kind != stat.S_IFLNK:
        os.chmod(base, attributes.mode, dir_fd=directory)
    os.utime(base, ns=(attributes.atime, attributes.mtime), dir_fd=directory, follow_symlinks=False)


def by_descriptor(directory: int, path: bytes) -> bytes:
    """A path for calls that take no descriptor of a folder."""
    return b"/proc/self/fd/%d/%s" % (directory, path or b".")


def _give(target: int | bytes, attributes: Attributes, directory: int | None) -> None:
    """Change the owner; in a folder, that of what has the name there, not of what it links to."""
    try:
        if directory is None:
            os.chown(target, attributes.uid, attributes.gid)
        else:
            os.chown(target, attributes.uid, attributes.gid, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise
        raise Unsupported(
            f"user {attributes.uid}, group {attributes.gid} of an image cannot own files here ({error.strerror}), "
            "run as root or map more ids into this user namespace (/etc/subuid, /etc/subgid)"
        ) from error


def _set(target: int | bytes, key: bytes, value: bytes, name: bytes) -> None:
    try:
        if isinstance(target, int):
            os.setxattr(target, key, value)
        else:
            os.setxattr(target, key, value, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _IGNORED:
            raise InvalidLayer(
                f"its attribute {printable(os.fsdecode(key))} cannot be set ({error.strerror})", name
            ) from error


def _bounded(time: int) -> int:
    """A time that is out of bounds becomes the epoch, as Go's."""
    return time if time // _SECOND in _TIMES else 0
