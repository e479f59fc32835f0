"""Unpacked layers seen as one tree, as overlayfs would show them, without mounting anything.

Layers never change once they are there, and a path is only built from folders that were found to be folders, so
nothing in a layer is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from runtime.snapshots.marks import Marks

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Found(NamedTuple):
    """Something that is no folder: a layer's descriptor, the path in it, and what it is."""

    layer: int
    path: bytes
    status: os.stat_result


class Merged:
    """A folder: the same path in each of the layers that show there, the uppermost first."""

    __slots__ = ("_layers", "_marks", "path")

    def __init__(self, layers: Sequence[int], path: bytes, marks: Marks) -> None:
        self._layers = layers
        self._marks = marks
        self.path = path

    @property
    def layer(self) -> int:
        """The uppermost, whose owner, mode, times and attributes the folder has."""
        return self._layers[0]

    def status(self) -> os.stat_result:
        return os.stat(self.path or b".", dir_fd=self._layers[0], follow_symlinks=False)

    def child(self, name: bytes) -> Merged | Found | None:
        """What is shown under a name."""
        path = self.path + b"/" + name if self.path else name
        folders: list[int] = []
        for layer in self._layers:
            try:
                status = os.stat(path, dir_fd=layer, follow_symlinks=False)
            except FileNotFoundError:
                if self._marks.hides(layer, path):
                    break
                continue
            if not stat.S_ISDIR(status.st_mode):
                if folders or self._marks.is_mark(name, status):
                    break
                return Found(layer, path, status)
            folders.append(layer)
            if self._marks.opaque(layer, path):
                break
        return Merged(folders, path, self._marks) if folders else None

    def children(self) -> Iterator[tuple[bytes, Merged | Found]]:
        """All that is shown, ordered by name."""
        names: set[bytes] = set()
        for layer in self._layers:
            names.update(listed(layer, self.path))
        for name in sorted(names):
            child = self.child(name)
            if child is not None:
                yield name, child


class Layers:
    """Descriptors of the unpacked layers of a chain, the uppermost first; `top` is their merged root."""

    def __init__(self, trees: Sequence[str], marks: Marks) -> None:
        self._open: list[int] = []
        self.trees: list[str] = []
        try:
            for tree in trees:
                self._open.append(os.open(tree, DIRECTORY))
                self.trees.append(tree)
                if marks.opaque(self._open[-1], b"."):
                    break  # overlayfs looks for this mark on any folder but the root
        except BaseException:
            self.close()
            raise
        self.top = Merged(self._open, b"", marks) if self._open else None

    def __enter__(self) -> Layers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        while self._open:
            os.close(self._open.pop())


def listed(directory: int, path: bytes = b"") -> list[bytes]:
    """The names in a folder, which must be a real one."""
    if not path:
        return [os.fsencode(name) for name in os.listdir(directory)]
    descriptor = os.open(path, DIRECTORY, dir_fd=directory)
    try:
        return [os.fsencode(name) for name in os.listdir(descriptor)]
    finally:
        os.close(descriptor)
