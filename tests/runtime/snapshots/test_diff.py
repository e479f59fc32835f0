"""Whatever a container does to its files, the layer made of it gives the same tree, and both drivers tell the same."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.snapshots.changes import changes
from runtime.snapshots.diff import write_diff
from runtime.snapshots.drivers import load
from runtime.snapshots.errors import SnapshotError
from runtime.snapshots.snapshots import Snapshots
from tests.runtime.snapshots.layers import Item, folder, tar, unpack
from tests.runtime.snapshots.trees import tree

BASE = [
    tar(
        folder("a", mode=0o700),
        Item("a/b", data=b"b", mtime=1),
        Item("a/c", "hard", link="a/b"),
        folder("b"),
        Item("b/a", data=b"a", xattrs={"user.x": b"1"}),
        Item("c", "link", link="a"),
    ),
    tar(Item("b/.wh.a"), Item("b/c/a", data=b"deep"), Item("b/b", "fifo"), Item("d", data=b"d", mode=0o4755, uid=3)),
]

_NAMES = st.sampled_from(["a", "b", "c", "d"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)


def _remove(path: Path, _: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _write(path: Path, _: Path) -> None:
    if not path.exists() or path.is_file():  # and not into a FIFO, for which somebody would have to read
        path.write_bytes(b"written")


def _same_size_and_time(path: Path, _: Path) -> None:
    if path.is_file():
        before = path.stat()
        path.write_bytes(b"?" * before.st_size)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _again(path: Path, _: Path) -> None:
    if not path.is_dir():  # rmtree would wait for somebody to write into a FIFO
        raise NotADirectoryError(path)
    shutil.rmtree(path)
    path.mkdir()


def _rename(path: Path, other: Path) -> None:
    if not path.is_dir():  # overlayfs does not rename folders of the layers below
        path.rename(other)


STEPS: dict[str, Callable[[Path, Path], object]] = {
    "remove": _remove,
    "write": _write,
    "folder": lambda path, _: os.makedirs(path),
    "again": _again,
    "rename": _rename,
    "link": lambda path, other: os.link(path, other, follow_symlinks=False),
    "symlink": lambda path, other: os.symlink(other.name, path),
    "mode": lambda path, _: os.chmod(path, 0o2701),
    "owner": lambda path, _: os.chown(path, 70_000, 5, follow_symlinks=False),
    "attribute": lambda path, _: os.setxattr(path, "user.y", b"\0y", follow_symlinks=False),
    "no attribute": lambda path, _: os.removexattr(path, "user.x", follow_symlinks=False),
}
ONE_NAME = ("write", "mode", "owner", "attribute", "link")
"""Overlayfs parts a file from its other names in the layers below when it is changed or gets one more."""
# Where the copying driver believes size and time, as docker's does, overlay looks at the bytes.
ALONE = {"same size and time": _same_size_and_time}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshots]:
    root = str(tmp_path_factory.mktemp("snapshots"))
    return [load("overlay", root), load("copying", root)]


@contextlib.contextmanager
def mounted(snapshots: Snapshots, key: str, place: Path) -> Iterator[Path]:
    target = place / key
    target.mkdir()
    snapshots.mount(key, str(target))
    try:
        yield target
    finally:
        snapshots.unmount(str(target))
        target.rmdir()


def inside(root: Path, path: str) -> Path:
    """A path, if neither it nor a link on it leads out of the root."""
    place = root / path
    if not (place.parent.resolve().is_relative_to(root) and place.resolve().is_relative_to(root)):
        raise PermissionError(path)
    return place


def _step(name: str, path: Path, other: Path) -> None:
    several = path.exists() and path.is_file() and path.stat().st_nlink > 1
    if not (name in ONE_NAME and several):
        (STEPS | ALONE)[name](path, other)


def check(snapshots: Snapshots, place: Path, key: str, steps: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Do the steps; the changes."""
    base = unpack(snapshots, *BASE)
    snapshots.prepare(key, base)
    layer = io.BytesIO()
    with mounted(snapshots, key, place) as root:
        for name, path, other in steps:
            with contextlib.suppress(OSError, shutil.Error, RuntimeError):
                _step(name, inside(root, path), inside(root, other))
        expected = tree(root, times_of_folders=False)
        told = snapshots.changes(key)
        snapshots.write_diff(key, layer)
    again = f"{key}-again"
    snapshots.prepare(again, unpack(snapshots, *BASE, layer.getvalue()))
    with mounted(snapshots, again, place) as root:
        assert tree(root, times_of_folders=False) == expected
    snapshots.remove(key)
    snapshots.remove(again)
    return [(change.kind, change.path) for change in told]


_NUMBERS = itertools.count()


@given(steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), _PATHS, _PATHS), max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_changes(both: list[Snapshots], tmp_path: Path, steps: list[tuple[str, str, str]]) -> None:
    key = f"box{next(_NUMBERS)}"
    found = [check(snapshots, tmp_path, key, steps) for snapshots in both]
    assert found[0] == found[1]


def test_bytes_that_changed_behind_the_time(both: list[Snapshots], tmp_path: Path) -> None:
    assert check(both[0], tmp_path, "quiet", [("same size and time", "d", "d")]) == [("C", "/d")]


def test_what_is_swapped_in_meanwhile_is_not_followed(tmp_path: Path) -> None:
    host, tree_ = tmp_path / "host", tmp_path / "tree"
    host.mkdir()
    (host / "secret").write_bytes(b"secret")
    (tree_ / "a").mkdir(parents=True)
    (tree_ / "a/secret").write_bytes(b"mine")
    descriptor = os.open(tree_, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = changes(descriptor, None, None)
        shutil.rmtree(tree_ / "a")
        (tree_ / "a").symlink_to(host)
        with pytest.raises(NotADirectoryError):
            write_diff(descriptor, found[1:], io.BytesIO())
        (tree_ / "a").unlink()
        (tree_ / "a").mkdir()
        os.mkfifo(tree_ / "a/secret")
        with pytest.raises(SnapshotError, match="was replaced"):
            write_diff(descriptor, found[1:], io.BytesIO())
    finally:
        os.close(descriptor)
