"""The folders of a layer while it is applied, and how a path finds its folder.

What is kept in memory are folders and links: enough to tell where a path leads without asking the disk.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator

from runtime.snapshots.apply import attributes
from runtime.snapshots.apply.attributes import Attributes
from runtime.snapshots.apply.file_workers import FileWorkers
from runtime.snapshots.errors import InvalidLayer, LimitExceeded
from runtime.snapshots.limits import Limits
from runtime.snapshots.merged import DIRECTORY, Found, Merged
from runtime.snapshots.removal import remove_below
from runtime.syscall.files import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

_OPEN = 200
"""Descriptors of folders that are kept open."""
_MOST_PENDING = 100_000
"""Files that workers were told to make before they are waited for: their names are kept."""
_HOPS = 40
"""Links that one path may lead over, as in the kernel."""
_WHILE_APPLYING = 0o700


class Directory:
    """A folder of the layer. Its owner, mode, times and attributes are put on it at the end."""

    __slots__ = (
        "attributes",
        "below",
        "children",
        "copied",
        "cut",
        "descriptor",
        "name",
        "own",
        "parent",
        "path",
        "pending",
        "whiteouts",
        "worker",
    )

    def __init__(self, parent: Directory | None, name: bytes, attributes: Attributes, below: Merged | None) -> None:
        self.parent = parent
        self.name = name
        self.path: bytes = parent.path + b"/" + name if parent is not None and parent.path else name
        self.attributes = attributes
        self.below = below
        """The same folder in the layers below; whether it shows there is for `lower` to say."""
        self.children: dict[bytes, Directory | bytes] = {}
        """Folders, and links with where they lead; anything else is only on the disk."""
        self.whiteouts: set[bytes] = set()
        self.copied: set[bytes] = set()
        """What was copied from the layers below, for a hard link to it: it is not this layer's own."""
        self.own = False
        """Whether an entry of the layer made it or something in it: else it is only here for what it shows below."""
        self.cut = False
        """Whether it hides all it holds in the layers below."""
        self.descriptor = -1
        self.worker = -1
        """The number of the worker that makes small files in it; -1 while there is none."""
        self.pending: set[bytes] = set()
        """Names of files that a worker may not have made yet."""

    def lower(self) -> Merged | None:
        """The same folder in the layers below, unless this layer hides it."""
        return None if any(node.cut for node in self.lineage()) else self.below

    def claim(self) -> None:
        """Something in it is the layer's own."""
        if self.own:
            return
        for each in self.lineage():
            if each.own:
                return
            each.own = True

    def lineage(self) -> Iterator[Directory]:
        """The folder, and those it is in."""
        node: Directory | None = self
        while node is not None:
            yield node
            node = node.parent


class Tree:
    """`root` is a descriptor of the empty folder that the layer is applied to; without `workers` nothing is pending."""

    def __init__(self, root: int, below: Merged | None, limits: Limits, workers: FileWorkers | None = None) -> None:
        inherited = Attributes(0o755, 0, 0, 0, 0, {}) if below is None else _attributes(below)
        self.root = Directory(None, b"", inherited, below)
        self.root.descriptor = root
        self._limits = limits
        self._open: deque[Directory] = deque()
        self._resolved: dict[bytes, Directory] = {}
        self._implied = 0
        self._workers = workers
        self._pending: list[Directory] = []
        self._awaited = 0

    def hand_over(self, parent: Directory, base: bytes, data: bytes, attributes: Attributes) -> bool:
        """Have a worker make a small file, if there is one and this is a name like any other; False when it is not."""
        if self._workers is None or attributes.xattrs or base in parent.children or base in parent.copied:
            return False
        if parent.worker < 0:
            parent.worker = self._workers.take()
            if parent.worker < 0:
                return False
        if self._awaited >= _MOST_PENDING:
            self.settle_all()
        self._workers.make(parent.worker, parent.path, base, data, attributes)
        if not parent.pending:
            self._pending.append(parent)
        parent.pending.add(base)
        self._awaited += 1
        return True

    def settle(self, directory: Directory, base: bytes) -> None:
        """Wait for what workers make, if that is under this name: before anything else is done with it."""
        if base in directory.pending:
            self.settle_all()

    def settle_all(self) -> None:
        """Wait for all that workers make. Raises what went wrong with it, see `FileWorkers.settle`."""
        if self._workers is not None and self._awaited:
            self._workers.settle()
        for directory in self._pending:
            directory.pending.clear()
        self._pending.clear()
        self._awaited = 0

    def close(self) -> None:
        for directory in self._open:
            os.close(directory.descriptor)
            directory.descriptor = -1
        self._open.clear()

    def descriptor(self, directory: Directory) -> int:
        """Open until some hundred others were."""
        if directory.descriptor < 0:
            resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
            self._keep(directory, openat2(self.root.descriptor, directory.path, DIRECTORY, resolve=resolve))
        return directory.descriptor

    def resolve(self, path: bytes, mtime: int | None, name: bytes) -> Directory | None:
        """The folder that a path, which `names.split` gave, leads to.

        Folders that are missing are made, with the time of what they are made for; where `mtime` is None they are
        not, and there is nothing to find. Raises InvalidLayer for links that lead round and round.
        """
        found = self._resolved.get(path)
        if found is not None:
            return found
        current, hops = self.root, 0
        left = deque(path.split(b"/") if path else ())
        while left:
            part = left.popleft()
            if part in (b"", b"."):
                continue
            if part == b"..":
                current = current.parent or current
                continue
            child = current.children.get(part) or self._step(current, part, mtime, name)
            if child is None:
                return None
            if isinstance(child, Directory):
                current = child
                continue
            hops += 1
            if hops > _HOPS:
                raise InvalidLayer("its path leads over too many links", name)
            current = self.root if child.startswith(b"/") else current
            left.extendleft(reversed(child.split(b"/")))
        self._resolved[path] = current
        return current

    def _step(self, current: Directory, part: bytes, mtime: int | None, name: bytes) -> Directory | bytes | None:
        """A folder or link that this layer does not have yet: it may be below, or be made."""
        self.settle(current, part)
        taken = exists(self.descriptor(current), part)
        lower = None if taken or part in current.whiteouts else current.lower()
        below = None if lower is None else lower.child(part)
        if isinstance(below, Found) and stat.S_ISLNK(below.status.st_mode):
            return os.readlink(below.path, dir_fd=below.layer)
        if isinstance(below, Merged):
            return self.make(current, part, _attributes(below), name)
        if mtime is None:
            return None
        return self.make(current, part, Attributes(0o755, 0, 0, mtime, mtime, {}), name)

    def make(self, parent: Directory, base: bytes, attributes: Attributes, name: bytes) -> Directory:
        """A new folder in place of whatever this layer has there."""
        self._implied += 1
        if self._implied > self._limits.entries:
            raise LimitExceeded(f"it makes more than {self._limits.entries} folders")
        self.settle(parent, base)
        descriptor = self.descriptor(parent)
        cut = base in parent.whiteouts
        try:
            os.mkdir(base, _WHILE_APPLYING, dir_fd=descriptor)
        except FileExistsError:
            self.clear(parent, base)
            os.mkdir(base, _WHILE_APPLYING, dir_fd=descriptor)
            cut = True
        lower = None if cut else parent.lower()
        below = None if lower is None else lower.child(base)
        directory = Directory(parent, base, attributes, below if isinstance(below, Merged) else None)
        if len(directory.path) > self._limits.name:
            raise LimitExceeded(f"its path is longer than {self._limits.name} bytes", name)
        directory.cut = cut
        parent.children[base] = directory
        self._keep(directory, os.open(base, DIRECTORY, dir_fd=descriptor))
        return directory

    def clear(self, parent: Directory, base: bytes) -> None:
        """Remove what this layer has under a name."""
        self.settle_all()
        self._resolved.clear()
        parent.copied.discard(base)
        child = parent.children.pop(base, None)
        if isinstance(child, Directory):
            self._forget(child)
            remove_below(self.descriptor(parent), base)
        else:
            os.unlink(base, dir_fd=self.descriptor(parent))

    def cut(self, directory: Directory) -> None:
        """Hide all that a folder holds below, and remove what is here only because of that."""
        if any(each.cut for each in directory.lineage()):
            directory.cut = True  # and that was done
            return
        directory.cut = True
        left = [directory]
        while left:
            each = left.pop()
            for base in list(each.copied):
                self.clear(each, base)
            for base, child in list(each.children.items()):
                if isinstance(child, Directory) and not child.own:
                    self.clear(each, base)
                elif isinstance(child, Directory) and not child.cut:
                    left.append(child)

    def _keep(self, directory: Directory, descriptor: int) -> None:
        directory.descriptor = descriptor
        self._open.append(directory)
        if len(self._open) > _OPEN:
            oldest = self._open.popleft()
            os.close(oldest.descriptor)
            oldest.descriptor = -1

    def _forget(self, gone: Directory) -> None:
        """Close the descriptors of folders that are removed."""
        doomed = {id(each) for each in walk(gone)}
        for directory in [each for each in self._open if id(each) in doomed]:
            self._open.remove(directory)
            os.close(directory.descriptor)
            directory.descriptor = -1


def walk(directory: Directory) -> list[Directory]:
    """A folder and all below it, each before those in it."""
    found = [directory]
    for each in found:  # it grows
        found += [child for child in each.children.values() if isinstance(child, Directory)]
    return found


def exists(directory: int, base: bytes) -> bool:
    """Whether a folder has something of a name."""
    try:
        os.stat(base, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _attributes(below: Merged) -> Attributes:
    return attributes.of_file(below.layer, below.path, below.status())
