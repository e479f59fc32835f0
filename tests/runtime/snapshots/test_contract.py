"""The contract of a driver of snapshots, run by every driver."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from runtime.snapshots.chain import chain_id
from runtime.snapshots.drivers import choose, load
from runtime.snapshots.errors import DiffMismatch, Exists, InUse, InvalidKey, NotFound, SnapshotError, Unsupported
from runtime.snapshots.snapshots import Snapshots
from tests.runtime.snapshots.conftest import Mounted
from tests.runtime.snapshots.layers import Item, diff_id, folder, packed, tar, unpack
from tests.runtime.snapshots.trees import tree

BASE = tar(
    folder("etc"),
    Item("etc/passwd", data=b"root\n"),
    Item("etc/shadow", data=b"secret\n", mode=0o600),
    folder("usr"),
    folder("usr/bin"),
    Item("usr/bin/su", data=b"elf", mode=0o4755),
    Item("bin", "link", link="usr/bin"),
    folder("gone"),
    Item("gone/a", data=b"a"),
    Item("gone/b", data=b"b"),
)
SECOND = tar(Item("etc/motd", data=b"hello\n"), Item("etc/.wh.shadow"))


def test_layers_are_seen_as_one_tree(snapshots: Snapshots, mounted: Mounted) -> None:
    chain = unpack(snapshots, BASE, SECOND)
    assert chain == chain_id(diff_id(BASE), diff_id(SECOND))
    assert snapshots.has(chain)
    assert snapshots.has(diff_id(BASE))
    assert snapshots.chains() == sorted([chain, diff_id(BASE)])
    assert snapshots.parent(chain) == diff_id(BASE)
    root = mounted(chain)
    assert sorted(os.listdir(root / "etc")) == ["motd", "passwd"]
    assert (root / "usr/bin/su").stat().st_mode & 0o7777 == 0o4755
    assert (root / "bin").readlink() == Path("usr/bin")


def test_a_layer_that_is_there_is_not_read(snapshots: Snapshots) -> None:
    chain = unpack(snapshots, BASE)
    layer = packed(BASE)
    assert snapshots.unpack(None, diff_id(BASE), layer) == chain
    assert layer.tell() == 0


def test_progress_counts_the_bytes_as_they_came(snapshots: Snapshots) -> None:
    told: list[int] = []
    layer = packed(BASE)
    snapshots.unpack(None, diff_id(BASE), layer, told.append)
    assert sum(told) == layer.seek(0, 2)


def test_another_layer_than_asked_for_is_refused(snapshots: Snapshots) -> None:
    with pytest.raises(DiffMismatch, match="pull it again"):
        snapshots.unpack(None, diff_id(b"other"), packed(BASE))
    assert snapshots.chains() == []
    with pytest.raises(NotFound):
        snapshots.unpack(diff_id(b"none"), diff_id(BASE), packed(BASE))
    with pytest.raises(InvalidKey):
        snapshots.unpack(None, "md5:abc", packed(BASE))


def test_what_reading_fails_with_is_passed_on(snapshots: Snapshots, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if data := super().read(size):
                return data
            raise TimeoutError("the registry does not answer")

    for cut in (0, 10, 2000):  # before the first entry, in a header, in data
        with pytest.raises(TimeoutError, match="does not answer"):
            snapshots.unpack(None, diff_id(BASE), Broken(tar(Item("x", data=b"x" * 5000))[:cut]))
    assert os.listdir(tmp_path / "snapshots" / snapshots.name / "aside") == []


def test_what_is_written_is_seen_as_changes(snapshots: Snapshots, mounted: Mounted) -> None:
    snapshots.prepare("box", unpack(snapshots, BASE))
    root = mounted("box")
    assert snapshots.changes("box") == []
    (root / "etc/passwd").write_bytes(b"root\nme\n")
    (root / "etc/shadow").unlink()
    (root / "new").mkdir()
    (root / "new/file").write_bytes(b"new")
    (root / "gone/a").unlink()
    (root / "gone/b").unlink()
    (root / "gone").rmdir()
    (root / "gone").mkdir(mode=0o755)
    (root / "gone/c").write_bytes(b"c")
    os.link(root / "new/file", root / "new/same")
    assert [f"{kind} {path}" for kind, path in snapshots.changes("box")] == [
        "C /etc",
        "C /etc/passwd",
        "D /etc/shadow",
        "C /gone",
        "D /gone/a",
        "D /gone/b",
        "A /gone/c",
        "A /new",
        "A /new/file",
        "A /new/same",
    ]


def test_opening_for_writing_is_no_change(snapshots: Snapshots, mounted: Mounted) -> None:
    snapshots.prepare("box", unpack(snapshots, BASE))
    root = mounted("box")
    times = (root / "etc/passwd").stat()
    os.close(os.open(root / "etc/passwd", os.O_RDWR))
    os.utime(root / "etc/passwd", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert snapshots.changes("box") == []


def test_the_diff_unpacks_to_the_same_tree(snapshots: Snapshots, mounted: Mounted) -> None:
    base = unpack(snapshots, BASE)
    snapshots.prepare("box", base)
    root = mounted("box")
    (root / "etc/shadow").unlink()
    (root / "usr/bin/su").rename(root / "usr/bin/sudo")
    (root / ("long" * 60)).write_bytes(b"x" * 70_000)
    (root / os.fsdecode(b"latin-\xe9")).symlink_to("t" * 200)
    os.link(root / "etc/passwd", root / "etc/passwd-")
    os.mkfifo(root / "fifo")
    os.mknod(root / "null", 0o20666, os.makedev(1, 3))
    os.chown(root / "etc/passwd", 3_000_000_000, 70_000)
    os.setxattr(root / "etc", "user.label", b"\0\xff\n")
    os.utime(root / "etc/passwd", ns=(0, -1_500_000_000))
    for name in ("etc", "."):
        os.utime(root / name, ns=(0, 1_600_000_000_123_456_789))
    first, second = io.BytesIO(), io.BytesIO()
    snapshots.write_diff("box", first)
    snapshots.write_diff("box", second)
    assert first.getvalue() == second.getvalue()
    again = mounted(unpack(snapshots, BASE, first.getvalue()))
    here, there = tree(root), tree(again)
    here.pop("."), there.pop(".")
    assert there == here


def test_ids_that_cannot_own_files_here(snapshots: Snapshots, mounted: Mounted) -> None:
    layer = tar(Item("x", uid=12_345), Item("null", "char", device=(1, 3)))
    with open("/proc/self/uid_map", encoding="ascii") as mapped:
        ids = int(mapped.read().split()[2])
    if ids > 12_345:
        assert (mounted(unpack(snapshots, layer)) / "x").stat().st_uid == 12_345
    else:
        with pytest.raises(Unsupported, match="map more ids"):
            unpack(snapshots, layer)
        layer = tar(Item("x"), Item("null", "char", device=(1, 3)))  # nobody can make devices there
        assert os.listdir(mounted(unpack(snapshots, layer))) == ["x"]


def test_names_that_no_layer_can_hold(snapshots: Snapshots, mounted: Mounted) -> None:
    snapshots.prepare("box", None)
    root = mounted("box")
    (root / ".wh.x").write_bytes(b"")
    with pytest.raises(SnapshotError, match="rename it"):
        snapshots.write_diff("box", io.BytesIO())


def test_over_nothing(snapshots: Snapshots, mounted: Mounted) -> None:
    snapshots.prepare("scratch", None)
    root = mounted("scratch")
    assert os.listdir(root) == []
    assert root.stat().st_mode & 0o7777 == 0o755
    (root / "a").write_bytes(b"a")
    assert snapshots.changes("scratch") == [("A", "/a")]


def test_removing(snapshots: Snapshots, mounted: Mounted) -> None:
    first = unpack(snapshots, BASE)
    second = unpack(snapshots, BASE, SECOND)
    snapshots.prepare("box", second)
    root = mounted("box")
    assert snapshots.keys() == ["box"]
    for name in (first, second, "box"):
        with pytest.raises(InUse):
            snapshots.remove(name)
    snapshots.unmount(str(root))
    for name in ("box", second, first):
        snapshots.remove(name)
        with pytest.raises(NotFound):
            snapshots.remove(name)
    assert snapshots.keys() == snapshots.chains() == []
    assert not snapshots.has(first)


def test_keys(snapshots: Snapshots) -> None:
    snapshots.prepare("box", None)
    with pytest.raises(Exists):
        snapshots.prepare("box", None)
    for key in ("", "../box", ".hidden", "a/b", "x" * 129, "a\n"):
        with pytest.raises(InvalidKey):
            snapshots.prepare(key, None)
    with pytest.raises(NotFound):
        snapshots.prepare("other", diff_id(b"none"))
    for call in (snapshots.changes, snapshots.usage, snapshots.mounts, snapshots.parent):
        with pytest.raises(NotFound):
            call("none")


def test_usage(snapshots: Snapshots, mounted: Mounted) -> None:
    chain = unpack(snapshots, tar(Item("a", data=bytes(range(256)) * 4096), Item("b", "hard", link="a")))
    assert 1 << 20 <= snapshots.usage(chain) < (1 << 20) + (1 << 16)
    assert snapshots.usage(chain) == snapshots.usage(chain)
    snapshots.prepare("box", chain)
    before = snapshots.usage("box")
    (mounted("box") / "c").write_bytes(b"c" * (1 << 20))
    os.sync()
    assert snapshots.usage("box") >= before + (1 << 20)


def test_several_threads_make_a_layer_once(snapshots: Snapshots) -> None:
    layers = [packed(BASE) for _ in range(4)]
    threads = [threading.Thread(target=snapshots.unpack, args=(None, diff_id(BASE), layer)) for layer in layers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert snapshots.has(diff_id(BASE))
    assert sum(layer.tell() > 0 for layer in layers) == 1


def test_the_driver_of_a_folder_stays(tmp_path: Path) -> None:
    assert choose(str(tmp_path / "new")).name == "overlay"
    load("copying", str(tmp_path / "old"))
    assert choose(str(tmp_path / "old")).name == "copying"
    with pytest.raises(SnapshotError, match="copying, overlay"):
        load("zfs", str(tmp_path))
