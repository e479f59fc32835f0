"""Processes that are killed while they unpack, and processes that unpack the same at once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.snapshots.drivers import load
from runtime.snapshots.snapshots import Snapshots
from tests.e2e.processes import wait_until
from tests.runtime.snapshots.conftest import Mounted
from tests.runtime.snapshots.layers import Item, diff_id, folder, packed, tar, unpack
from tests.runtime.snapshots.trees import tree

LAYER = tar(
    *(folder(f"d{n}", mode=0o750, uid=n) for n in range(20)),
    *(Item(f"d{n % 20}/f{n}", data=b"%d" % n * 50, mode=0o640, uid=n) for n in range(400)),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "layer").write_bytes(packed(LAYER).read())
    return tmp_path / "snapshots"


def start(driver: str, root: Path) -> subprocess.Popen[str]:
    """An unpacker that waits for its line."""
    command = [sys.executable, "-m", "tests.runtime.snapshots.unpacker", driver, str(root), str(root.parent / "layer")]
    process = subprocess.Popen([*command, diff_id(LAYER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> str:
    with process:
        assert process.stdout is not None
        return process.stdout.read()


def seen(snapshots: Snapshots, place: Path) -> dict[str, tuple[object, ...]]:
    """The tree of the layer, as it is mounted."""
    place.mkdir()
    snapshots.prepare("view", diff_id(LAYER))
    snapshots.mount("view", str(place))
    try:
        return tree(place)
    finally:
        snapshots.unmount(str(place))
        snapshots.remove("view")
        place.rmdir()


def swept(root: Path) -> bool:
    """Whether nothing is left of what was not made to its end, once the folder is opened."""
    load("overlay", str(root))
    return os.listdir(root / "overlay/aside") == []


@pytest.mark.faults
def test_nothing_half_made_is_believed(root: Path, tmp_path: Path) -> None:
    whole = load("overlay", str(tmp_path / "whole"))
    unpack(whole, LAYER)
    expected = seen(whole, tmp_path / "place")
    process = start("overlay", root)
    began = time.monotonic()
    go(process)
    end(process)
    took = time.monotonic() - began
    load("overlay", str(root)).remove(diff_id(LAYER))
    made = 0
    for _ in range(20):
        process = start("overlay", root)
        go(process)
        time.sleep(random.uniform(0, took))
        process.kill()
        end(process)
        wait_until(lambda: swept(root), "end of the workers, which the kernel ends with their applier")
        snapshots = load("overlay", str(root))
        if snapshots.has(diff_id(LAYER)):
            made += 1
            assert seen(snapshots, tmp_path / "place") == expected
            snapshots.remove(diff_id(LAYER))
        assert snapshots.chains() == []
    assert made < 20
    snapshots.unpack(None, diff_id(LAYER), packed(LAYER))
    assert seen(snapshots, tmp_path / "place") == expected
    assert os.listdir(root / "overlay/locks") == []


@pytest.mark.parametrize("driver", ["overlay", "copying"])
def test_two_processes_make_it_once(root: Path, driver: str) -> None:
    processes = [start(driver, root) for _ in range(2)]
    for process in processes:
        go(process)
    read = sorted(int(end(process)) for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert read == [0, (root.parent / "layer").stat().st_size]
    assert load(driver, str(root)).has(diff_id(LAYER))


def test_what_others_are_making_is_not_swept(root: Path) -> None:
    snapshots = load("overlay", str(root))
    slow = packed(LAYER)

    class Slow:
        def read(self, size: int) -> bytes:
            if slow.tell() == 0:
                other = load("overlay", str(root))  # sweeps
                assert other.chains() == []
            return slow.read(size)

    assert snapshots.unpack(None, diff_id(LAYER), Slow()) == diff_id(LAYER)  # type: ignore[arg-type]


def test_a_parent_stays_while_a_layer_is_made_over_it(snapshots: Snapshots, mounted: Mounted) -> None:
    base, layer = tar(Item("a", data=b"a")), tar(Item("b"))
    chain = unpack(snapshots, base)
    refused: list[BaseException] = []
    slow = packed(layer)

    class Slow:
        def read(self, size: int) -> bytes:
            try:
                snapshots.remove(chain)
            except Exception as error:
                refused.append(error)
            return slow.read(size)

    above = snapshots.unpack(chain, diff_id(layer), Slow())  # type: ignore[arg-type]
    assert refused
    assert sorted(os.listdir(mounted(above))) == ["a", "b"]
