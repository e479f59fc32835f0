"""A tar taken apart below an open folder: every name is resolved within that folder, whatever links lie there."""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import stat
import tarfile
from typing import BinaryIO

from runtime.engine import tree_copy
from runtime.engine.errors import BadPath
from runtime.engine.tree_copy import Owner
from runtime.syscall import files

_RESOLVE = files.RESOLVE_IN_ROOT | files.RESOLVE_NO_MAGICLINKS


def unarchive(source: BinaryIO, root: int, path: str, owner: Owner) -> None:
    """Take a tar apart in a folder `path` of `root`. Devices are left out. Raises BadPath, OSError."""
    try:
        with tarfile.open(fileobj=source, mode="r|*") as tar:
            for member in tar:
                _put(tar, member, root, path, owner)
    except tarfile.TarError as error:
        raise BadPath(f"what came is no tar: {error}") from None


def _put(tar: tarfile.TarFile, member: tarfile.TarInfo, root: int, path: str, owner: Owner) -> None:
    name = posixpath.normpath(f"/{member.name}")
    if name == "/":
        return
    parent = _parent(root, f"{path}{posixpath.dirname(name)}")
    base = posixpath.basename(name)
    try:
        found = _status(member)
        if member.isdir():
            made = tree_copy.folder(parent, base)
            try:
                tree_copy.settle(made, found, owner)
            finally:
                os.close(made)
        elif member.isreg():
            tree_copy.file(tar.extractfile(member) or io.BytesIO(), parent, base, found, owner)  # type: ignore[arg-type]
        elif member.issym():
            tree_copy.link(member.linkname, parent, base, found, owner)
        elif member.islnk():
            _link(root, f"{path}{posixpath.normpath('/' + member.linkname)}", parent, base)
    finally:
        os.close(parent)


def _parent(root: int, path: str) -> int:
    """Open a folder below the root, made where it is missing."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        return files.openat2(root, path, flags, 0, _RESOLVE)
    if path in ("", "/"):
        raise BadPath("the folder is gone")
    above = _parent(root, posixpath.dirname(path))
    try:
        return tree_copy.folder(above, posixpath.basename(path))
    finally:
        os.close(above)


def _link(root: int, path: str, parent: int, base: str) -> None:
    other = _parent(root, posixpath.dirname(path))
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(base, dir_fd=parent)
        name = posixpath.basename(path)
        os.link(name, base, src_dir_fd=other, dst_dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        raise BadPath(f"cannot make the link {base!r}: {(error.strerror or '').lower()}") from None
    finally:
        os.close(other)


def _status(member: tarfile.TarInfo) -> os.stat_result:
    kind = stat.S_IFDIR if member.isdir() else stat.S_IFREG
    seconds = int(member.mtime)
    fields = (kind | (member.mode & 0o7777), 0, 0, 1, member.uid, member.gid, 0, seconds, seconds, seconds)
    ns = seconds * 1_000_000_000
    return os.stat_result(fields, {"st_atime_ns": ns, "st_mtime_ns": ns})
