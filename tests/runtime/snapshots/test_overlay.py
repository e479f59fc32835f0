"""What is overlayfs' own: many layers, long paths, older kernels' way of mounting."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runtime.snapshots.drivers import load
from runtime.snapshots.drivers.overlay import attach_by_data, features, probe
from runtime.snapshots.errors import Unsupported
from runtime.snapshots.marks import KernelMarks
from runtime.snapshots.paths import Paths
from runtime.snapshots.snapshots import Snapshots
from tests.runtime.snapshots.layers import Item, tar, unpack


@pytest.fixture
def target(tmp_path: Path) -> Path:
    place = tmp_path / "target"
    place.mkdir()
    return place


def test_many_layers_and_a_long_root(tmp_path: Path, target: Path) -> None:
    root = tmp_path / ("long" * 60)
    snapshots = load("overlay", str(root))
    chain = unpack(snapshots, *(tar(Item("same", data=b"%d" % n), Item(f"f{n}")) for n in range(130)))
    snapshots.prepare("box", chain)
    snapshots.mount("box", str(target))
    try:
        assert len(os.listdir(target)) == 131
        assert (target / "same").read_bytes() == b"129"
        (target / "f0").unlink()
        assert snapshots.changes("box") == [("D", "/f0")]
    finally:
        snapshots.unmount(str(target))
    snapshots.unmount(str(target))


@pytest.fixture
def box(tmp_path: Path) -> tuple[Snapshots, Path]:
    """Two layers and something to write to."""
    snapshots = load("overlay", str(tmp_path / "a:b,c"))
    snapshots.prepare("box", unpack(snapshots, tar(Item("a", data=b"a")), tar(Item("b", data=b"b"))))
    return snapshots, tmp_path / "a:b,c/overlay"


def test_all_options_in_one_string(box: tuple[Snapshots, Path], target: Path) -> None:
    _, root = box
    lower = [str(each / "tree") for each in (root / "committed").iterdir()]
    descriptor = os.open(target, os.O_PATH | os.O_DIRECTORY)
    try:
        attach_by_data(lower, str(root / "active/box/tree"), str(root / "active/box/work"), features(), descriptor)
    finally:
        os.close(descriptor)
    try:
        assert sorted(os.listdir(target)) == ["a", "b"]
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_mounted_by_others(tmp_path: Path, target: Path) -> None:
    snapshots = load("overlay", str(tmp_path / "a:b"))
    snapshots.prepare("box", unpack(snapshots, tar(Item("a", data=b"a")), tar(Item("b", data=b"b"))))
    (mount,) = snapshots.mounts("box")
    command = ["mount", "-t", mount.type, "-o", ",".join(mount.options), mount.source, str(target)]
    subprocess.run(command, check=True)
    try:
        assert sorted(os.listdir(target)) == ["a", "b"]
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_a_folder_that_cannot_hold_layers(tmp_path: Path, target: Path) -> None:
    snapshots = load("overlay", str(tmp_path / "snapshots"))
    snapshots.prepare("box", None)
    snapshots.mount("box", str(target))
    try:
        with pytest.raises(Unsupported, match="use the copying driver"):
            probe(Paths(str(target), "overlay"), KernelMarks(), features())
        assert os.listdir(target / "overlay") == []
    finally:
        snapshots.unmount(str(target))
