"""What a tree takes on the disk."""

from __future__ import annotations

import contextlib
import os

from runtime.snapshots.merged import DIRECTORY
from runtime.snapshots.within import open_folder
from runtime.syscall.files import TMPFS_MAGIC, filesystem_type

_UNIT = 512
"""Bytes that st_blocks counts in, whatever the file system's blocks are."""


_EXT4, _XFS, _BTRFS = 0xEF53, 0x58465342, 0x9123683E


def counts_at_once(descriptor: int) -> bool:
    """Whether its file system counts what is written before it is on the disk; ZFS is one that does not."""
    return filesystem_type(descriptor) in (_EXT4, _XFS, _BTRFS, TMPFS_MAGIC)


def usage(tree: str) -> int:
    """Bytes of the blocks of all that is in a folder, files with several names once.

    What goes while it is looked at is left out.
    """
    root = os.open(tree, DIRECTORY)
    try:
        seen: set[tuple[int, int]] = set()
        total = 0
        folders = [b""]
        for path in folders:  # it grows
            with contextlib.suppress(FileNotFoundError):
                total += _here(root, path, folders, seen)
        return total * _UNIT
    finally:
        os.close(root)


def _here(root: int, path: bytes, folders: list[bytes], seen: set[tuple[int, int]]) -> int:
    """Blocks of what is right in one folder; the folders in it are noted."""
    blocks = 0
    here = open_folder(root, path)
    try:
        with os.scandir(here) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(os.path.join(path, os.fsencode(entry.name)))
                elif status.st_nlink > 1:
                    inode = (status.st_dev, status.st_ino)
                    if inode in seen:
                        continue
                    seen.add(inode)
                blocks += status.st_blocks
    finally:
        os.close(here)
    return blocks
