"""Layers with many small files, which are made by several processes: the tree is what one alone would make."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from runtime.snapshots.apply import file_workers
from runtime.snapshots.drivers import load
from runtime.snapshots.errors import SnapshotError
from tests.e2e.processes import run
from tests.runtime.snapshots.layers import Item, diff_id, folder, packed, tar, unpack
from tests.runtime.snapshots.trees import tree

ENTRIES = 2500
HAVE_HANDS = len(os.sched_getaffinity(0)) > 1


@pytest.fixture(autouse=True)
def from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """FileWorkers from the first file on."""
    monkeypatch.setattr(file_workers, "WORTH", 0)


def colliding(seed: int) -> bytes:
    """Entries of all kinds over few names: most are replaced, linked to or hidden by others."""
    source = random.Random(seed)
    inner = [f"d{n}/f{m}" for n in range(6) for m in range(12)]
    names = [*inner, *(f"d{n}" for n in range(6))]
    targets = [f"t/{n}" for n in range(6)]
    items = [Item(name, data=b"first") for name in targets]
    kinds = {"file": 60, "target": 10, "large": 1, "dir": 1, "link": 2, "hard": 8, "xattr": 2, "below": 1}
    while len(items) < ENTRIES:
        kind = source.choices([*kinds], [*kinds.values()])[0]
        name = source.choice(targets if kind == "target" else names)
        uid, mode = source.choice([0, 7]), source.choice([0o644, 0o4755])
        if kind == "dir":
            items.append(folder(name, uid=uid))
        elif kind == "link":
            items.append(Item(source.choice(inner), "link", link=source.choice(["/d0", "nowhere", "../d1"])))
        elif kind == "hard":
            items.append(Item(name, "hard", link=source.choice(targets)))
        elif kind == "below":
            items.append(Item(f"{name}/x/y", data=b"below", mode=mode, uid=uid))
        else:
            data = source.randbytes(source.randrange(1 << 17 if kind == "large" else 40))
            xattrs = {"user.one": b"1"} if kind == "xattr" else {}
            items.append(Item(name, data=data, mtime=len(items), mode=mode, uid=uid, xattrs=xattrs))
    return tar(*items)


def made(layer: bytes, root: Path) -> dict[str, tuple[object, ...]]:
    """The tree of a layer."""
    snapshots = load("overlay", str(root))
    chain = unpack(snapshots, tar(folder("d1"), Item("d1/f1", data=b"of the layer below")), layer)
    return tree(root / "overlay/committed" / chain.replace(":", "-") / "tree")


def begun() -> int:
    """How often programs of ours that have ended were made runnable: grows with each."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt


@pytest.mark.parametrize("seed", range(6))
def test_what_hands_make_is_what_one_alone_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    layer = colliding(seed)
    monkeypatch.setattr(file_workers, "WORTH", ENTRIES)
    alone, before = made(layer, tmp_path / "alone"), begun()
    monkeypatch.setattr(file_workers, "WORTH", 0)
    together = made(layer, tmp_path / "together")
    assert (begun() > before) == HAVE_HANDS
    assert together == alone


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place])
    yield place
    run(["umount", place])


MANY = tar(*(Item(f"d{n % 9}/f{n}", data=b"%d" % n * 200) for n in range(2000)))


def test_a_full_disk_is_told_and_nothing_is_left(small_disk: Path) -> None:
    snapshots = load("copying", str(small_disk))
    with pytest.raises(OSError, match="No space") as raised:
        unpack(snapshots, MANY)
    assert raised.value.errno == errno.ENOSPC
    assert (snapshots.chains(), os.listdir(small_disk / "copying/aside")) == ([], [])


def children() -> set[int]:
    """The processes that this one has begun: servers of other tests among them."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def test_a_hand_that_is_killed_ends_it(tmp_path: Path) -> None:
    snapshots = load("overlay", str(tmp_path))
    before = children()

    class Killing:
        """Kills all workers whenever some is read."""

        def __init__(self, stream: BinaryIO) -> None:
            self._stream = stream

        def read(self, size: int) -> bytes:
            for child in children() - before:
                os.kill(child, signal.SIGKILL)
            return self._stream.read(min(size, 512))

    with pytest.raises(SnapshotError, match="ended"):
        snapshots.unpack(None, diff_id(MANY), Killing(packed(MANY)))  # type: ignore[arg-type]
    assert (snapshots.chains(), os.listdir(tmp_path / "overlay/aside")) == ([], [])
