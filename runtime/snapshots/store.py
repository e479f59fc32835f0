"""Snapshots on the disk: each is made aside, then renamed to where it is believed; each goes the other way.

Who makes or removes one has the lock of its folder aside. A folder there that no process has the lock of was left by a
process that was killed; the process that opens the store next sweeps it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from runtime.snapshots import paths
from runtime.snapshots.errors import Exists, InUse, NotFound
from runtime.snapshots.locks import locked, try_folder
from runtime.snapshots.mounted import mounted
from runtime.snapshots.paths import Paths
from runtime.snapshots.removal import remove_below


class Record(NamedTuple):
    """What a snapshot is: a chain id or a key, and the chain id it is over."""

    name: str
    parent: str | None


class Aside:
    """A folder that is made, with its lock: `keep` it under a name, or `close` removes it."""

    def __init__(self, store: Store, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self._store = store
        self._kept = False

    def __enter__(self) -> Aside:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if not self._kept:
                self._store.remove_aside(self.path)
        finally:
            os.close(self.descriptor)

    def keep(self, name: str, *, durable: bool) -> None:
        """Make it the snapshot of that name. Raises Exists."""
        target = self._store.paths.snapshot(name)
        with self._store.lock():
            if os.path.lexists(target):
                raise Exists(name)
            os.rename(self.path, target)
            self._kept = True
        if durable:
            fsync(os.path.dirname(target))


class Store:
    """Of one driver."""

    def __init__(self, root: str, driver: str) -> None:
        self.paths = Paths(root, driver)
        self.paths.make()
        self._sweep()

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Nothing comes to be or goes while it is held."""
        return locked(self.paths.lock)

    def record(self, name: str) -> Record:
        """Raises NotFound."""
        found = _read(self.paths.snapshot(name))
        if found is None:
            raise NotFound(name)
        return found

    def has(self, name: str) -> bool:
        return os.path.lexists(f"{self.paths.snapshot(name)}/{paths.RECORD}")

    def lineage(self, name: str | None) -> list[str]:
        """A committed snapshot and all it is over, the uppermost first. Raises NotFound."""
        found: list[str] = []
        while name is not None:
            found.append(name)
            name = self.record(name).parent
        return found

    def trees(self, name: str | None) -> list[str]:
        """Where the layers of a committed snapshot are, the uppermost first. Raises NotFound."""
        return [f"{self.paths.snapshot(each)}/{paths.TREE}" for each in self.lineage(name)]

    def begin(self, name: str, parent: str | None) -> Aside:
        """A folder aside for a new snapshot; the parent stays as long as it is there. Raises NotFound."""
        with self.lock():
            if parent is not None:
                self.record(parent)
            aside = self._new_aside()
        try:
            _write(f"{aside.path}/{paths.RECORD}", json.dumps({"name": name, "parent": parent}))
        except BaseException:
            aside.__exit__()
            raise
        return aside

    def remove(self, name: str) -> None:
        """Raises NotFound, InUse."""
        folder = self.paths.snapshot(name)
        with contextlib.ExitStack() as held, self.lock():
            if not os.path.lexists(folder):
                raise NotFound(name)
            users = self._over(name) + mounted(f"{folder}/{paths.TARGETS}")
            if users:
                raise InUse(name, users)
            aside = held.enter_context(self._new_aside())
            os.rename(folder, f"{aside.path}/gone")
            if paths.is_chain(name):  # what is written to was never synced, and may be torn by a power cut as it is
                fsync(os.path.dirname(folder))

    def names(self, folder: str) -> list[str]:
        """The names of snapshots in one of the folders, sorted."""
        return sorted(record.name for record in self._records(folder))

    def remove_aside(self, path: str) -> None:
        """Remove a folder that is aside. The caller has its lock."""
        descriptor = os.open(self.paths.aside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            remove_below(descriptor, os.path.basename(path))
        finally:
            os.close(descriptor)

    def _over(self, name: str) -> list[str]:
        folders = (self.paths.committed, self.paths.active, self.paths.aside) if paths.is_chain(name) else ()
        return [record.name for folder in folders for record in self._records(folder) if record.parent == name]

    def _records(self, folder: str) -> Iterator[Record]:
        for each in os.listdir(folder):
            found = _read(f"{folder}/{each}")
            if found is not None:
                yield found

    def _new_aside(self) -> Aside:
        """The store is locked: no process sweeps it before its own lock is taken."""
        path = f"{self.paths.aside}/{os.urandom(8).hex()}"
        os.mkdir(path, 0o700)
        descriptor = try_folder(path)
        assert descriptor is not None, "known here alone"
        return Aside(self, path, descriptor)

    def _sweep(self) -> None:
        for name in os.listdir(self.paths.aside):
            path = f"{self.paths.aside}/{name}"
            with self.lock():
                descriptor = try_folder(path)
            if descriptor is not None:
                with Aside(self, path, descriptor):
                    pass


def fsync(path: str) -> None:
    """Make a folder's names durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: str, text: str) -> None:
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)


def _read(folder: str) -> Record | None:
    """None of what is no snapshot, or of an active one that a power cut has torn."""
    try:
        with open(f"{folder}/{paths.RECORD}", encoding="utf-8") as file:
            found = json.load(file)
        return Record(found["name"], found["parent"])
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
