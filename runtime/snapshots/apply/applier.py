"""Entries become files: one method for each kind of entry, and a second pass for the folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from runtime.snapshots.apply import attributes, names, small
from runtime.snapshots.apply.attributes import Attributes
from runtime.snapshots.apply.copying import NEW, copy
from runtime.snapshots.apply.failure import explain
from runtime.snapshots.apply.file_workers import FileWorkers
from runtime.snapshots.apply.names import shown
from runtime.snapshots.apply.tree import Directory, Tree, walk
from runtime.snapshots.errors import InvalidLayer, LimitExceeded
from runtime.snapshots.limits import Limits
from runtime.snapshots.marks import OPAQUE_NAME, WHITEOUT_PREFIX, Marks
from runtime.snapshots.merged import Found, Merged
from runtime.snapshots.tar import entry as kinds
from runtime.snapshots.tar.entry import Entry
from runtime.snapshots.tar.reader import TarReader

_NODES = {kinds.CHAR: stat.S_IFCHR, kinds.BLOCK: stat.S_IFBLK, kinds.FIFO: stat.S_IFIFO}
# How the kernel packs device numbers (include/linux/kdev_t.h).
_MAJORS, _MINORS = range(1 << 12), range(1 << 20)


def apply(
    reader: TarReader, root: int, below: Merged | None, marks: Marks, limits: Limits, workers: FileWorkers | None = None
) -> None:
    """Apply a layer to an empty folder over what is below it. Raises InvalidLayer, Unsupported and OSError."""
    tree = Tree(root, below, limits, workers)
    try:
        applier = _Applier(reader, tree, limits)
        for entry in reader:
            try:
                applier.entry(entry)
            except OSError as error:
                explain(error, entry.name)
        tree.settle_all()
        _finish(tree, marks if below is not None else None, applier.owner)
    finally:
        tree.close()


class _Applier:
    """What is made belongs to `owner` before it is given to another user."""

    def __init__(self, reader: TarReader, tree: Tree, limits: Limits) -> None:
        self._reader = reader
        self._tree = tree
        self._limits = limits
        self._total = 0
        self.owner = (os.geteuid(), os.getegid())

    def entry(self, entry: Entry) -> None:
        """Apply one entry."""
        path, base = names.split(entry.name)
        if not base:
            self._root(entry)
            return
        if base.startswith(WHITEOUT_PREFIX) or WHITEOUT_PREFIX in path:
            if names.is_aufs(path, base):
                return
            if base.startswith(WHITEOUT_PREFIX):
                self._whiteout(path, base, entry)
                return
        if entry.kind == kinds.CHAR and entry.major == entry.minor == 0:
            self._hide(path, base, entry)  # overlayfs' own mark: wherever it lies, it hides what is below
            return
        parent = self._tree.resolve(path, entry.mtime, entry.name)
        assert parent is not None, "missing folders are made"
        parent.claim()
        if entry.kind == kinds.REGULAR:
            self._regular(parent, base, entry)
        elif entry.kind == kinds.DIRECTORY:
            self._directory(parent, base, entry)
        elif entry.kind == kinds.SYMLINK:
            self._symlink(parent, base, entry)
        elif entry.kind == kinds.LINK:
            self._link(parent, base, entry)
        else:
            self._node(parent, base, entry)

    def _root(self, entry: Entry) -> None:
        if entry.kind != kinds.DIRECTORY:
            raise InvalidLayer("the root of an image must be a folder", entry.name)
        self._tree.root.attributes = attributes.of_entry(entry)

    def _directory(self, parent: Directory, base: bytes, entry: Entry) -> None:
        wanted = attributes.of_entry(entry)
        child = parent.children.get(base)
        if isinstance(child, Directory):
            child.attributes = wanted
        else:
            child = self._tree.make(parent, base, wanted, entry.name)
        child.own = True

    def _regular(self, parent: Directory, base: bytes, entry: Entry) -> None:
        wanted = attributes.of_entry(entry)
        self._total += max(entry.size, entry.real_size)
        if self._total > self._limits.size:
            raise LimitExceeded(f"the files have more than {self._limits.size} bytes", entry.name)
        if entry.size <= small.SMALL and entry.extents is None:
            data = self._reader.whole(entry) if entry.size else b""
            if not self._tree.hand_over(parent, base, data, wanted):
                directory = self._tree.descriptor(parent)
                name = entry.name
                self._place(parent, base, lambda: small.make(directory, base, data, wanted, self.owner, name))
            return
        self._place(parent, base, lambda: self._large(parent, base, entry, wanted))

    def _large(self, parent: Directory, base: bytes, entry: Entry, wanted: Attributes) -> None:
        file = os.open(base, NEW, 0o600, dir_fd=self._tree.descriptor(parent))
        try:
            for offset, piece in self._reader.data(entry):
                written = os.pwrite(file, piece, offset)
                while written < len(piece):
                    written += os.pwrite(file, memoryview(piece)[written:], offset + written)
            if entry.extents is not None:
                os.truncate(file, entry.real_size)
            attributes.put_on_open(file, wanted, self.owner, entry.name)
        finally:
            os.close(file)

    def _symlink(self, parent: Directory, base: bytes, entry: Entry) -> None:
        wanted = attributes.of_entry(entry)
        if not entry.link:
            raise InvalidLayer("it is a link to nothing", entry.name)
        directory = self._tree.descriptor(parent)
        self._place(parent, base, lambda: os.symlink(entry.link, base, dir_fd=directory))
        parent.children[base] = entry.link
        attributes.put_on_name(directory, base, wanted, stat.S_IFLNK, entry.name)

    def _node(self, parent: Directory, base: bytes, entry: Entry) -> None:
        wanted = attributes.of_entry(entry)
        kind, device = _NODES[entry.kind], 0
        if entry.kind != kinds.FIFO:
            if entry.major not in _MAJORS or entry.minor not in _MINORS:
                raise InvalidLayer(f"its device number {entry.major}:{entry.minor} is out of bounds", entry.name)
            device = os.makedev(entry.major, entry.minor)
        directory = self._tree.descriptor(parent)
        try:
            self._place(parent, base, lambda: os.mknod(base, kind | 0o600, device, dir_fd=directory))
        except PermissionError:
            if device and self._is_mapped():
                return  # in a user namespace no process can make devices; the others leave them out as well
            raise
        attributes.put_on_name(directory, base, wanted, kind, entry.name)

    def _is_mapped(self) -> bool:
        """Whether this is a user namespace of its own: there, user 0 is another user outside."""
        with open("/proc/self/uid_map", encoding="ascii") as mapped:
            return mapped.read().split() != ["0", "0", "4294967295"]

    def _link(self, parent: Directory, base: bytes, entry: Entry) -> None:
        """A hard link to a file or link, never to what that link leads to.

        The target may be in a layer below only: overlayfs cannot link to it there, so it is copied to this layer.
        """
        path, target = names.split(entry.link)
        folder = self._tree.resolve(path, None, entry.name) if target else None
        if folder is not None:
            self._tree.settle(folder, target)
        else:
            raise InvalidLayer(f"it is a hard link to {shown(entry.link)!r}, which is not there", entry.name)
        if isinstance(folder.children.get(target), Directory) or (folder is parent and target == base):
            raise InvalidLayer("it is a hard link to a folder or to itself", entry.name)
        if any(parent.children.get(base) is each for each in folder.lineage()):
            raise InvalidLayer("it is a hard link in place of the folder that holds its target", entry.name)
        here = self._tree.descriptor(folder)
        there = self._tree.descriptor(parent)
        here = self._tree.descriptor(folder)  # opening the second may have closed the first

        def link() -> None:
            os.link(target, base, src_dir_fd=here, dst_dir_fd=there, follow_symlinks=False)

        try:
            self._place(parent, base, link)
        except FileNotFoundError:
            self._copy_up(folder, here, target, entry)
            self._place(parent, base, link)
        known = folder.children.get(target)
        if known is not None:
            parent.children[base] = known

    def _copy_up(self, folder: Directory, descriptor: int, target: bytes, entry: Entry) -> None:
        lower = None if target in folder.whiteouts else folder.lower()
        found = None if lower is None else lower.child(target)
        if not isinstance(found, Found):
            raise InvalidLayer(f"it is a hard link to {shown(entry.link)!r}, which is not there", entry.name)
        copy(found, descriptor, target)
        folder.copied.add(target)
        if stat.S_ISLNK(found.status.st_mode):
            folder.children[target] = os.readlink(target, dir_fd=descriptor)

    def _place(self, parent: Directory, base: bytes, make: Callable[[], None]) -> None:
        """Make something under a name; what this layer has there already gives way."""
        self._tree.settle(parent, base)
        try:
            make()
        except FileExistsError:
            self._tree.clear(parent, base)
            make()

    def _whiteout(self, path: bytes, base: bytes, entry: Entry) -> None:
        if base == OPAQUE_NAME:
            directory = self._tree.resolve(path, None, entry.name)
            if directory is not None:
                self._tree.cut(directory)
        else:
            self._hide(path, names.hidden(base, entry.name), entry)

    def _hide(self, path: bytes, base: bytes, entry: Entry) -> None:
        """Hide a name in the layers below; what this layer has there, before or after, stays."""
        directory = self._tree.resolve(path, None, entry.name)
        if directory is None:
            return
        directory.whiteouts.add(base)
        child = directory.children.get(base)
        if base in directory.copied or (isinstance(child, Directory) and not child.own):
            self._tree.clear(directory, base)
        elif isinstance(child, Directory):
            self._tree.cut(child)


def _finish(tree: Tree, marks: Marks | None, owner: tuple[int, int]) -> None:
    """Put marks into the folders, and then on each what it shall have: nothing changes in them any more."""
    for directory in reversed(walk(tree.root)):
        descriptor = tree.descriptor(directory)
        if marks is not None:
            lower = directory.lower() if directory.whiteouts else None
            for base in sorted(directory.whiteouts):
                if base not in directory.children and lower is not None and lower.child(base) is not None:
                    marks.hide(descriptor, base)  # where nothing is below, overlayfs would show the mark itself
            if directory.cut:
                marks.make_opaque(descriptor)
        attributes.put_on_open(descriptor, directory.attributes, owner, directory.path)
