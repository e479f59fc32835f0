"""Keeps what is in a folder apart on the disk, as on disks of their own.

ext4 without a journal passes over each inode that was deleted within the last minutes when it makes a new one in the
same groups of blocks. A registry that removes files as it works would slow down the one beside it as well as itself.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
from pathlib import Path

_GET_FLAGS = 0x80086601
_SET_FLAGS = 0x40086602
"""FS_IOC_GETFLAGS, FS_IOC_SETFLAGS."""

_TOP_OF_TREES = 0x00020000
"""FS_TOPDIR_FL: each folder in it begins in the emptiest groups of blocks."""


def keep_apart(folder: Path) -> None:
    """Have folders made in `folder` from now on lie apart, where the file system knows how."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # not ext4
            flags = array.array("l", [0])
            fcntl.ioctl(descriptor, _GET_FLAGS, flags)
            flags[0] |= _TOP_OF_TREES
            fcntl.ioctl(descriptor, _SET_FLAGS, flags)
    finally:
        os.close(descriptor)
