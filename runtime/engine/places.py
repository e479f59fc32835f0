"""Paths of a container found by descriptors within its own root, so that no link leads out of it.

A container that runs is seen as it sees itself, volumes and all; of one that does not the snapshot is mounted for the
moment, and a path in a volume or bind is looked for there.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from runtime.engine import locks, reconcile, rootfs
from runtime.engine.errors import BadPath
from runtime.engine.machine import Machine
from runtime.syscall import files

_RESOLVE = files.RESOLVE_IN_ROOT | files.RESOLVE_NO_MAGICLINKS


class Place(NamedTuple):
    """A root, and a path below it. `found` opens what is there."""

    root: int
    path: str

    def found(self, path: str, flags: int) -> int:
        """Open a path in the root, links followed within it. Raises OSError."""
        return files.openat2(self.root, path or "/", flags | os.O_CLOEXEC, 0, _RESOLVE)


@contextlib.contextmanager
def place(machine: Machine, id: str, path: str) -> Iterator[Place]:
    """The root in which a path of a container lies, for as long as the block runs; it cannot be removed meanwhile."""
    wanted = posixpath.normpath(f"/{path}")
    with locks.held(machine.paths.of(id).lock):
        reconcile.mend(machine, id)
        now = machine.store.state(id)
        if now.pid:
            root = os.open(f"/proc/{now.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                yield Place(root, wanted)
            finally:
                os.close(root)
            return
        with _stopped(machine, id, wanted) as found:
            yield found


@contextlib.contextmanager
def _stopped(machine: Machine, id: str, path: str) -> Iterator[Place]:
    mounts = [mount for mount in machine.store.record(id).mounts if mount.type in ("bind", "volume")]
    for mount in sorted(mounts, key=lambda mount: -len(mount.destination)):
        below = posixpath.relpath(path, mount.destination)
        if below != ".." and not below.startswith("../") and os.path.isdir(mount.source):
            root = os.open(mount.source, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                yield Place(root, posixpath.normpath(f"/{below}"))
            finally:
                os.close(root)
            return
    with rootfs.mounted(machine, machine.paths.of(id)) as root:
        yield Place(root, path)


class Parent(NamedTuple):
    """An open folder and a name in it; the name is `.` for the folder itself."""

    folder: int
    name: str


@contextlib.contextmanager
def source(at: Place, path: str, *, follow: bool) -> Iterator[Parent]:
    """What is to be copied. A link is itself unless it is followed. Raises BadPath when it is not there."""
    wanted = at.path
    whole = path.endswith(("/", "/."))
    try:
        if wanted == "/" or follow or whole:
            fd = at.found(wanted, os.O_PATH)
            if wanted != "/" and not _is_folder(fd):
                os.close(fd)
                if whole:
                    raise BadPath(f"{path} in the container is not a folder")
                wanted = _followed(at, wanted)
            else:
                with _closing(fd):
                    folder = at.found(wanted, os.O_RDONLY | os.O_DIRECTORY)
                with _closing(folder):
                    yield Parent(folder, ".")
                return
        folder = at.found(posixpath.dirname(wanted), os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BadPath(f"could not find the file {path} in the container: {(error.strerror or '').lower()}") from None
    with _closing(folder):
        name = posixpath.basename(wanted)
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            raise BadPath(f"could not find the file {path} in the container") from None
        yield Parent(folder, name)


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _is_folder(fd: int) -> bool:
    return os.path.isdir(f"/proc/self/fd/{fd}")


def _followed(at: Place, path: str) -> str:
    """The path of a file behind links, within the root."""
    for _ in range(40):
        folder = at.found(posixpath.dirname(path), os.O_PATH | os.O_DIRECTORY)
        with _closing(folder):
            try:
                target = os.readlink(posixpath.basename(path), dir_fd=folder)
            except OSError:
                return path
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    raise BadPath(f"too many links at {path}")
