"""What all drivers share: layers unpacked once each, and something to write to over them.

A driver says in what form layers hide what is below them, and how an active snapshot comes to show what it is over.
Unpacking and comparing are loaded by name when they are asked for: the command that starts a container does neither.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO

from runtime.snapshots import paths, shift
from runtime.snapshots.chain import chain_id, checked
from runtime.snapshots.errors import Exists, Unsupported
from runtime.snapshots.limits import DEFAULT, Limits
from runtime.snapshots.locks import locked
from runtime.snapshots.marks import Marks
from runtime.snapshots.merged import DIRECTORY, Layers
from runtime.snapshots.mounted import mount_points, remember
from runtime.snapshots.owners import Owners
from runtime.snapshots.paths import is_chain
from runtime.snapshots.snapshots import Change, Progress
from runtime.snapshots.store import Aside, Store
from runtime.syscall.mounts import UMOUNT_NOFOLLOW, umount2
from runtime.syscall.users import Ids

if TYPE_CHECKING:
    from runtime.snapshots.changes import Difference

_NOT_MOUNTED = (errno.EINVAL, errno.ENOENT, errno.EPERM)
"""How the kernel refuses where nothing is mounted; the last for those who may not unmount at all."""
EMPTY_ROOT = 0o755
"""Mode of the root of a snapshot that is over nothing."""


class LayeredSnapshots:
    """Of one driver, named `name`. `marks` are how its layers hide things, `written` how its active snapshots do."""

    name = ""
    written: Marks | None = None

    def __init__(self, root: str, marks: Marks, limits: Limits = DEFAULT) -> None:
        self._store = Store(root, self.name)
        self._marks = marks
        self._limits = limits

    def has(self, chain: str) -> bool:
        return self._store.has(checked(chain))

    def unpack(self, parent: str | None, diff_id: str, layer: BinaryIO, progress: Progress | None = None) -> str:
        chain = chain_id(parent, diff_id)
        if self._store.has(chain):
            return chain
        with locked(self._store.paths.chain_lock(chain), remove=True):
            if not self._store.has(chain):
                with self._store.begin(chain, parent) as aside:
                    self._unpack(aside, parent, diff_id, layer, progress)
                    _module("measure").sync_and_measure(aside)
                    aside.keep(chain, durable=True)
        return chain

    def _unpack(
        self, aside: Aside, parent: str | None, diff_id: str, layer: BinaryIO, progress: Progress | None
    ) -> None:
        tree = _make_folder(aside, paths.TREE)
        try:
            with Layers(self._store.trees(parent), self._marks) as layers:
                unpack = _module("unpacking").unpack
                unpack(
                    tree,
                    layers.top,
                    diff_id,
                    layer,
                    marks=self._marks,
                    limits=self._limits,
                    told=progress,
                    held=aside.descriptor,
                )
        finally:
            os.close(tree)

    def prepare(self, key: str, parent: str | None) -> None:
        if self._store.has(key):
            raise Exists(key)
        with self._store.begin(key, parent) as aside:
            tree = _make_folder(aside, paths.TREE)
            try:
                with Layers(self._store.trees(parent), self._marks) as layers:
                    self.fill(aside, tree, layers)
            finally:
                os.close(tree)
            aside.keep(key, durable=False)

    def fill(self, aside: Aside, tree: int, layers: Layers) -> None:
        """Make a new active snapshot what the driver needs it to be."""
        raise TypeError(f"{type(self).__name__} is not a driver")

    def attach(self, key: str, target: int, owners: Owners | None) -> None:
        """Mount an active snapshot on the folder that a descriptor is open on. Raises Unsupported for owners alone."""
        raise TypeError(f"{type(self).__name__} is not a driver")

    def mount(self, key: str, target: str, owners: Owners | None = None) -> None:
        self._store.record(key)
        place, folder = os.path.realpath(target), self._store.paths.snapshot(key)
        descriptor = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with self._store.lock():  # so that it is not removed between
                self._store.record(key)
                remember(f"{folder}/{paths.TARGETS}", place)
                mapped = self._attach(key, descriptor, owners, shifted=os.path.exists(f"{folder}/{paths.IDS}"))
        finally:
            os.close(descriptor)
        if owners is not None and not mapped:
            self._shift(f"{folder}/{paths.IDS}", place, owners)

    def _attach(self, key: str, target: int, owners: Owners | None, *, shifted: bool) -> bool:
        """Mount it; whether its ids were mapped."""
        if owners is not None and not shifted:
            with contextlib.suppress(Unsupported):
                self.attach(key, target, owners)
                return True
        self.attach(key, target, None)
        return False

    def _shift(self, path: str, place: str, owners: Owners) -> None:
        root = os.open(place, DIRECTORY)
        try:
            shift.shift(path, root, owners.ids)
        except BaseException:
            os.close(root)
            self.unmount(place)
            raise
        os.close(root)

    def unmount(self, target: str) -> None:
        place = os.path.realpath(target)
        try:
            umount2(place, UMOUNT_NOFOLLOW)
        except OSError as error:
            if error.errno not in _NOT_MOUNTED or place in mount_points():
                raise

    def changes(self, key: str) -> list[Change]:
        with self._differences(key) as (_, _, found):
            return [Change(each.kind, "/" + os.fsdecode(each.path)) for each in found]

    def write_diff(self, key: str, out: BinaryIO) -> None:
        with self._differences(key) as (tree, ids, found):
            _module("diff").write_diff(tree, found, out, ids)

    @contextlib.contextmanager
    def _differences(self, key: str) -> Iterator[tuple[int, Ids | None, list[Difference]]]:
        record, folder = self._store.record(key), self._store.paths.snapshot(key)
        ids = shift.recorded(f"{folder}/{paths.IDS}")
        tree = os.open(f"{folder}/{paths.TREE}", DIRECTORY)
        try:
            with Layers(self._store.trees(record.parent), self._marks) as layers:
                yield tree, ids, _module("changes").changes(tree, layers.top, self.written, ids)
        finally:
            os.close(tree)

    def remove(self, name: str) -> None:
        self._store.remove(name)

    def usage(self, name: str) -> int:
        self._store.record(name)
        folder = self._store.paths.snapshot(name)
        if not is_chain(name):
            return int(_module("usage").usage(f"{folder}/{paths.TREE}"))
        with (
            contextlib.suppress(FileNotFoundError, ValueError),
            open(f"{folder}/{paths.SIZE}", encoding="ascii") as file,
        ):
            return int(file.read())
        return int(_module("measure").measure(folder))

    def keys(self) -> list[str]:
        return self._store.names(self._store.paths.active)

    def chains(self) -> list[str]:
        return self._store.names(self._store.paths.committed)

    def parent(self, name: str) -> str | None:
        return self._store.record(name).parent


def _make_folder(aside: Aside, name: str) -> int:
    """A new folder that belongs to us and has no group or mode of those around it."""
    os.mkdir(name, 0o700, dir_fd=aside.descriptor)
    descriptor = os.open(name, DIRECTORY, dir_fd=aside.descriptor)
    os.chown(descriptor, os.geteuid(), os.getegid())
    os.chmod(descriptor, 0o700)
    return descriptor


def _module(name: str) -> ModuleType:
    return import_module(f"runtime.snapshots.{name}")
