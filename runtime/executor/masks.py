"""Masked and read-only paths: opened once, looked at, and covered by descriptor (CVE-2025-31133, 52565, 52881)."""

from __future__ import annotations

import os
import stat

from runtime.executor.devices import open_null
from runtime.syscall import mounts as m

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.executor.resolve import Root


def make_read_only(root: Root, paths: list[str]) -> None:
    """Cover each path that is there by a read-only view of itself and of all that is mounted below."""
    for path in paths:
        target = _open(root, path)
        if target is None:
            continue
        flags = m.AT_EMPTY_PATH | m.OPEN_TREE_CLONE | m.AT_RECURSIVE
        tree = root.kernel.open_tree(target, "", flags)
        try:
            root.kernel.mount_setattr(tree, m.MOUNT_ATTR_RDONLY)
            root.kernel.move_mount(tree, target)
        finally:
            os.close(tree)
            os.close(target)


def mask(root: Root, paths: list[str]) -> None:
    """Cover each path that is there: a directory by an empty read-only one, anything else by the null device."""
    empty = -1
    for path in paths:
        target = _open(root, path)
        if target is None:
            continue
        try:
            if not stat.S_ISDIR(os.fstat(target).st_mode):
                null = open_null(os.O_PATH)
                tree = root.kernel.open_tree(null, "", m.AT_EMPTY_PATH | m.OPEN_TREE_CLONE)
                os.close(null)
            elif empty < 0:
                tree = empty = root.kernel.new_mount("tmpfs", "tmpfs", ["ro"], m.MOUNT_ATTR_RDONLY)
            else:
                tree = root.kernel.open_tree(empty, "", m.AT_EMPTY_PATH | m.OPEN_TREE_CLONE)
            root.kernel.move_mount(tree, target)
            if tree != empty:
                os.close(tree)
        finally:
            os.close(target)


def _open(root: Root, path: str) -> int | None:
    try:
        return root.open(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
