"""Where mounts cannot map ids: every file of an active snapshot is given to its owner's id outside, once.

A file beside the tree says with which maps, from before the first file was given away; whoever reads the tree for a
layer maps the ids back.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat

from runtime.snapshots.apply.attributes import by_descriptor
from runtime.snapshots.merged import DIRECTORY
from runtime.syscall.users import Ids

_CAPABILITY = "security.capability"


def recorded(path: str) -> Ids | None:
    """With which maps a snapshot was shifted; None if it was not."""
    try:
        with open(path, encoding="ascii") as file:
            said = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return Ids(*(tuple((int(a), int(b), int(c)) for a, b, c in said[name]) for name in ("uids", "gids")))


def shift(path: str, root: int, ids: Ids) -> None:
    """Give all below an open folder to the ids outside, and say so in the file at `path`. May be done again."""
    before = recorded(path)
    with open(f"{path}.new", "w", encoding="ascii") as file:
        json.dump({"uids": ids.uids, "gids": ids.gids}, file)
    os.rename(f"{path}.new", path)
    folders = [b""]
    for folder in folders:  # it grows
        here = os.open(folder or b".", DIRECTORY, dir_fd=root)
        try:
            for name in map(os.fsencode, os.listdir(here)):
                status = os.stat(name, dir_fd=here, follow_symlinks=False)
                _give(here, name, status, before, ids)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(folder + b"/" + name if folder else name)
        finally:
            os.close(here)
    _give(root, b".", os.fstat(root), before, ids)


def back(status: os.stat_result, ids: Ids | None) -> tuple[int, int]:
    """The owner that something in a shifted tree has inside; one that was not shifted is as it is."""
    uid, gid = status.st_uid, status.st_gid
    if ids is None:
        return uid, gid
    known = ids.known(uid, gid)
    return uid if known[0] is None else known[0], gid if known[1] is None else known[1]


def _give(here: int, name: bytes, status: os.stat_result, before: Ids | None, ids: Ids) -> None:
    """Owner, then what changing it takes away: capabilities, and the set-user-id bit."""
    if ids.known(status.st_uid, status.st_gid) != (None, None):
        return  # done before it was interrupted
    try:
        uid, gid = ids.outside(*back(status, before))
    except OSError as error:
        if error.errno != errno.EOVERFLOW:
            raise
        return  # without an owner, as it would be in a mount that maps ids
    capability = None
    if stat.S_ISREG(status.st_mode):
        with contextlib.suppress(OSError):
            capability = os.getxattr(by_descriptor(here, name), _CAPABILITY, follow_symlinks=False)
    os.chown(name, uid, gid, dir_fd=here, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=here)
    if capability is not None:
        os.setxattr(by_descriptor(here, name), _CAPABILITY, capability, follow_symlinks=False)
