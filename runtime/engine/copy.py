"""`docker cp`: files and trees between a container and this machine, by docker's rules of where they go."""

from __future__ import annotations

import os
import posixpath
import stat
from typing import BinaryIO

from runtime.engine import locks, reconcile, rootfs, tree_copy, users
from runtime.engine.archive import Writer
from runtime.engine.errors import BadPath
from runtime.engine.machine import Machine
from runtime.engine.places import Parent, Place, place, source
from runtime.engine.unarchive import unarchive
from runtime.syscall.users import Ids

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def out(machine: Machine, id: str, path: str, target: str, *, follow: bool = False, archive: bool = False) -> None:
    """Copy a path of a container to one of this machine. Raises BadPath, OSError."""
    with place(machine, id, path) as at, source(at, path, follow=follow) as found:
        parent, name = os.path.split(os.path.abspath(target))
        owner = _inside(_ids(machine, id)) if archive else tree_copy.always(os.geteuid(), os.getegid())
        if os.path.isdir(target):
            folder = os.open(target, _FOLDER)
            try:
                _into(found, folder, path, owner)
            finally:
                os.close(folder)
            return
        _check(found, target, os.path.exists(target))
        folder = os.open(parent, _FOLDER)
        try:
            tree_copy.copy(found.folder, found.name, folder, name, owner)
        finally:
            os.close(folder)


def in_(machine: Machine, id: str, origin: str, path: str, *, follow: bool = False, archive: bool = False) -> None:
    """Copy a path of this machine into a container. Raises BadPath, OSError."""
    if origin.endswith("/") and not os.path.isdir(origin):
        raise BadPath(f"{origin} is not a folder")
    real = os.path.realpath(origin) if follow or origin.endswith("/") else os.path.abspath(origin)
    base, name = os.path.split(real)
    whole = origin.endswith("/.") or origin == "."
    folder = os.open(real if whole else base, _FOLDER)
    ids = _ids(machine, id)
    try:
        found = Parent(folder, "." if whole or not name else name)
        os.stat(found.name, dir_fd=folder, follow_symlinks=False)
        with place(machine, id, path) as at, users.writing(ids):
            _put(at, found, path, origin, _owner(ids, archive=archive))
    finally:
        os.close(folder)


def stream_out(machine: Machine, id: str, path: str, to: BinaryIO, *, follow: bool = False) -> None:
    """Write a path of a container as a tar."""
    with place(machine, id, path) as at, source(at, path, follow=follow) as found:
        writer = Writer(to, _inside(_ids(machine, id)))
        writer.add(found.folder, found.name, "" if at.path == "/" else posixpath.basename(at.path))
        writer.close()


def stream_in(machine: Machine, id: str, came: BinaryIO, path: str, *, archive: bool = False) -> None:
    """Take a tar apart in a folder of a container. Raises BadPath."""
    with place(machine, id, path) as at:
        if not _is_folder(at):
            raise BadPath(f"destination {path} must be a folder of the container to take an archive")
        ids = _ids(machine, id)
        with users.writing(ids):
            unarchive(came, at.root, at.path.rstrip("/"), _owner(ids, archive=archive))


def export(machine: Machine, id: str, to: BinaryIO) -> None:
    """Write a container's whole file system, without what is mounted into it, as a tar."""
    of = machine.paths.of(id)
    with locks.held(of.lock):
        reconcile.mend(machine, id)
        with rootfs.mounted(machine, of) as root:
            writer = Writer(to, _inside(_ids(machine, id)))
            writer.add(root, ".", "")
            writer.close()


def _ids(machine: Machine, id: str) -> Ids | None:
    return users.ids_of(machine.store.record(id))


def _owner(ids: Ids | None, *, archive: bool) -> tree_copy.Owner:
    """Whose what comes into a container is: as it was outside, by the container's ids, or its root's."""
    if archive:
        return ids.outside if ids is not None else tree_copy.keep
    return tree_copy.always(*ids.root) if ids is not None else tree_copy.always(0, 0)


def _inside(ids: Ids | None) -> tree_copy.Owner:
    return ids.inside if ids is not None else tree_copy.keep


def _put(at: Place, found: Parent, path: str, origin: str, owner: tree_copy.Owner) -> None:
    if _is_folder(at):
        folder = at.found(at.path, _FOLDER)
        try:
            _into(found, folder, origin, owner)
        finally:
            os.close(folder)
        return
    there = _is_there(at)
    _check(found, path, there)
    try:
        folder = at.found(posixpath.dirname(at.path), _FOLDER)
    except OSError:
        raise BadPath(f"could not find the folder {posixpath.dirname(at.path)} in the container") from None
    try:
        tree_copy.copy(found.folder, found.name, folder, posixpath.basename(at.path), owner)
    finally:
        os.close(folder)


def _into(found: Parent, folder: int, path: str, owner: tree_copy.Owner) -> None:
    """Into a folder that is there: by its own name, or, of `x/.`, what is in it."""
    if path.endswith("/.") or path == ".":
        tree_copy.contents(found.folder, found.name, folder, owner)
        return
    name = posixpath.basename(posixpath.normpath(path)) or "root"
    tree_copy.copy(found.folder, found.name, folder, name, owner)


def _check(found: Parent, target: str, there: bool) -> None:
    is_folder = stat.S_ISDIR(os.stat(found.name, dir_fd=found.folder, follow_symlinks=False).st_mode)
    if is_folder and there:
        raise BadPath(f"cannot copy a folder onto the file {target}")
    if not is_folder and target.endswith("/"):
        raise BadPath(f"the folder {target} is not there")


def _is_folder(at: Place) -> bool:
    try:
        os.close(at.found(at.path, os.O_PATH | os.O_DIRECTORY))
    except OSError:
        return False
    return True


def _is_there(at: Place) -> bool:
    try:
        os.close(at.found(at.path, os.O_PATH))
    except OSError:
        return False
    return True
