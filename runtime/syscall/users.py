"""User namespaces: which ids of theirs are which outside, a process that stands in a new one, acting as its root."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from runtime.syscall import capabilities, namespaces
from runtime.syscall.libc import LIBC

NOBODY = 65534
"""What an id that is not mapped is seen as."""
_NS_GET_USERNS = 0xB701

Ranges = tuple[tuple[int, int, int], ...]
"""Each: the first id inside, the first outside, how many."""


class Ids(NamedTuple):
    """The maps of a user namespace."""

    uids: Ranges
    gids: Ranges

    def outside(self, uid: int, gid: int) -> tuple[int, int]:
        """What an owner inside is outside. Raises OSError (EOVERFLOW) for one that is not mapped."""
        found = _through(self.uids, uid, 0), _through(self.gids, gid, 0)
        if found[0] is None or found[1] is None:
            raise OSError(errno.EOVERFLOW, f"the ids {uid}:{gid} are none of the container's: map more ids for it")
        return found[0], found[1]

    def inside(self, uid: int, gid: int) -> tuple[int, int]:
        """What an owner outside is inside; nobody when it is not mapped."""
        found = self.known(uid, gid)
        return NOBODY if found[0] is None else found[0], NOBODY if found[1] is None else found[1]

    def known(self, uid: int, gid: int) -> tuple[int | None, int | None]:
        """What an owner outside is inside; None when it is not mapped."""
        return _through(self.uids, uid, 1), _through(self.gids, gid, 1)

    @property
    def root(self) -> tuple[int, int]:
        """Who user and group 0 are outside."""
        return self.outside(0, 0)


def _through(ranges: Ranges, number: int, side: int) -> int | None:
    for each in ranges:
        if each[side] <= number < each[side] + each[2]:
            return number - each[side] + each[1 - side]
    return None


def owns_network() -> bool:
    """Whether this process's network belongs to its user namespace, so that root there may make devices in it."""
    if namespaces.is_initial_users():
        return os.geteuid() == 0
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.close(fcntl.ioctl(descriptor, _NS_GET_USERNS))
    except PermissionError:
        return False  # it is of users further out
    finally:
        os.close(descriptor)
    return True


def write_maps(pid: int, ids: Ids) -> None:
    """Map the ids of a process's new user namespace. Raises OSError: root alone may map any, and ranges not overlap."""
    for name, ranges in (("gid_map", ids.gids), ("uid_map", ids.uids)):
        text = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in ranges)
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        except OSError as error:
            shown = text.strip().replace("\n", ", ")
            raise OSError(error.errno, f"cannot map ids {shown}: {os.strerror(error.errno or 0).lower()}") from None
        finally:
            os.close(descriptor)


@contextmanager
def stand_in(new: int, users: int = -1) -> Iterator[int]:
    """The pid of a process that stands in new namespaces (CLONE_NEW*) and does nothing, for as long as the block runs.

    `users` is a descriptor of a user namespace to enter first, which then owns the new ones. Raises OSError.
    """
    told, tell = os.pipe2(os.O_CLOEXEC)
    wait, keep = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if not pid:
        try:
            os.close(keep)
            if users >= 0:
                namespaces.setns(users, namespaces.CLONE_NEWUSER)
            namespaces.unshare(new)
            os.write(tell, b"\0")
            os.read(wait, 1)
        except OSError as error:
            os.write(tell, bytes([(error.errno or errno.EIO) & 0xFF]))
        finally:
            os._exit(0)
    os.close(tell)
    os.close(wait)
    try:
        code = os.read(told, 1) or bytes([errno.ECHILD])
        if code[0]:
            raise OSError(code[0], f"cannot make a namespace: {os.strerror(code[0]).lower()}")
        yield pid
    finally:
        os.close(told)
        os.close(keep)
        os.waitpid(pid, 0)


@contextmanager
def acting_as(uid: int, gid: int) -> Iterator[None]:
    """Whatever the block makes in a file system belongs to these; the capabilities stay. For a thread of root's."""
    held = capabilities.capget()
    _file_system_ids(uid, gid, held)
    try:
        yield
    finally:
        _file_system_ids(os.geteuid(), os.getegid(), held)


def _file_system_ids(uid: int, gid: int, held: tuple[int, int, int]) -> None:
    LIBC.setfsgid(gid)
    LIBC.setfsuid(uid)
    capabilities.capset(*held)  # those about files went with user 0
