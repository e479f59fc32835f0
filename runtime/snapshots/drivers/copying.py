"""Snapshots that are plain copies, for kernels and file systems without overlayfs: slow to prepare, and large."""

from __future__ import annotations

import os
import stat

from runtime.snapshots import paths
from runtime.snapshots.apply import attributes
from runtime.snapshots.apply.attributes import Attributes
from runtime.snapshots.apply.copying import copy
from runtime.snapshots.layered import EMPTY_ROOT, LayeredSnapshots
from runtime.snapshots.limits import DEFAULT, Limits
from runtime.snapshots.marks import NamedMarks
from runtime.snapshots.merged import DIRECTORY, Found, Layers, Merged
from runtime.snapshots.owners import Owners, idmapped
from runtime.snapshots.snapshots import Mount
from runtime.snapshots.store import Aside
from runtime.syscall.durability import syncfs
from runtime.syscall.mounts import AT_FDCWD, OPEN_TREE_CLONE, move_mount, open_tree


class CopyingSnapshots(LayeredSnapshots):
    """`root` is the folder of all drivers."""

    name = "copying"

    def __init__(self, root: str, limits: Limits = DEFAULT) -> None:
        super().__init__(root, NamedMarks(), limits)

    def fill(self, aside: Aside, tree: int, layers: Layers) -> None:
        if layers.top is None:
            os.chmod(tree, EMPTY_ROOT)
        else:
            _copy_tree(layers.top, tree)
        syncfs(aside.descriptor)

    def mounts(self, key: str) -> list[Mount]:
        self._store.record(key)
        return [Mount("bind", self._tree(key), ("bind",))]

    def attach(self, key: str, target: int, owners: Owners | None) -> None:
        if owners is not None:
            with idmapped(self._tree(key), owners) as mapped:
                move_mount(mapped, target)
            return
        clone = open_tree(AT_FDCWD, self._tree(key), OPEN_TREE_CLONE)
        try:
            move_mount(clone, target)
        finally:
            os.close(clone)

    def _tree(self, key: str) -> str:
        return f"{self._store.paths.snapshot(key)}/{paths.TREE}"


def _copy_tree(top: Merged, tree: int) -> None:
    """Copy all that is shown; files that are one file under several names in a layer stay so.

    Folders get what they shall have when nothing changes in them any more.
    """
    seen: dict[tuple[int, int, int], bytes] = {}
    made: list[tuple[bytes, Attributes]] = []
    folders = [top]
    while folders:
        folder = folders.pop()
        made.append((folder.path, attributes.of_file(folder.layer, folder.path, folder.status())))
        here = os.open(folder.path or b".", DIRECTORY, dir_fd=tree)
        try:
            for name, child in folder.children():
                if isinstance(child, Merged):
                    os.mkdir(name, 0o700, dir_fd=here)
                    folders.append(child)
                else:
                    _copy(child, tree, here, name, seen)
        finally:
            os.close(here)
    for path, wanted in reversed(made):
        descriptor = os.open(path or b".", DIRECTORY, dir_fd=tree)
        try:
            attributes.put_on_open(descriptor, wanted, (-1, -1), path)
        finally:
            os.close(descriptor)


def _copy(found: Found, tree: int, here: int, name: bytes, seen: dict[tuple[int, int, int], bytes]) -> None:
    inode = (found.layer, found.status.st_dev, found.status.st_ino)
    if found.status.st_nlink > 1 and not stat.S_ISDIR(found.status.st_mode):
        if inode in seen:
            os.link(seen[inode], name, src_dir_fd=tree, dst_dir_fd=here, follow_symlinks=False)
            return
        seen[inode] = found.path
    copy(found, here, name)
