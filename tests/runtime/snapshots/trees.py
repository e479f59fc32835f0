"""A tree on disk as values that can be compared."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from pathlib import Path


def tree(root: Path | str, *, times_of_folders: bool = True) -> dict[str, tuple[object, ...]]:
    """By path: type, mode, owner, what it holds or leads to, time, attributes, and the other names it has."""
    found: dict[str, tuple[object, ...]] = {}
    names: dict[tuple[int, int], list[str]] = defaultdict(list)
    inodes: dict[str, tuple[int, int]] = {}
    top = os.fsencode(root)
    paths = [top]
    for here, folders, files in os.walk(top):
        paths += [os.path.join(here, name) for name in [*folders, *files]]
    for path in paths:
        status = os.lstat(path)
        name = os.fsdecode(os.path.relpath(path, top))
        found[name] = _described(path, status, times_of_folders)
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            inodes[name] = (status.st_dev, status.st_ino)
            names[inodes[name]].append(name)
    return {
        name: (*values, tuple(sorted(names[inodes[name]])) if name in inodes else (name,))
        for name, values in found.items()
    }


def _described(path: bytes, status: os.stat_result, times_of_folders: bool) -> tuple[object, ...]:
    kind = stat.S_IFMT(status.st_mode)
    content: object = None
    if kind == stat.S_IFREG:
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    elif kind == stat.S_IFLNK:
        content = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        content = status.st_rdev
    xattrs = {
        name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)
    }
    kept = tuple(sorted((name, value) for name, value in xattrs.items() if ".overlay." not in name))
    time = status.st_mtime_ns if kind != stat.S_IFDIR or times_of_folders else None
    return stat.filemode(status.st_mode), status.st_uid, status.st_gid, content, time, kept
