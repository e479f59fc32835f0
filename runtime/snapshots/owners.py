"""Whose files a mounted snapshot shows: those of a user namespace, where user 0 is another user outside."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import NamedTuple

from runtime.snapshots.errors import Unsupported
from runtime.syscall.mounts import AT_FDCWD, MOUNT_ATTR_IDMAP, OPEN_TREE_CLONE, mount_setattr, open_tree
from runtime.syscall.users import Ids

UNABLE = (errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP)
"""What a kernel or a file system says that cannot map ids of a mount."""


class Owners(NamedTuple):
    """`users` is a descriptor of a user namespace with the maps `ids`."""

    users: int
    ids: Ids


@contextlib.contextmanager
def idmapped(path: str, owners: Owners) -> Iterator[int]:
    """A detached mount of a folder in which what is user 0's on the disk belongs to user 0 of the namespace.

    Since Linux 5.12, on file systems that can. Raises Unsupported.
    """
    clone = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE)
    try:
        try:
            mount_setattr(clone, MOUNT_ATTR_IDMAP, userns=owners.users)
        except OSError as error:
            if error.errno not in UNABLE:
                raise
            raise Unsupported(f"ids cannot be mapped in mounts of {path} ({error.strerror})") from error
        yield clone
    finally:
        os.close(clone)
