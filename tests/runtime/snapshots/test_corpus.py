"""Every trap that is known of unpacking layers, with what must happen. Nothing outside the folder is ever touched."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.snapshots.errors import InvalidLayer
from runtime.snapshots.snapshots import Snapshots
from tests.runtime.snapshots.conftest import Mounted
from tests.runtime.snapshots.corpus import (
    CAPABILITY,
    END,
    REFUSED,
    old_sparse,
    pax,
    raw,
    sparse_0_0,
    sparse_0_1,
    sparse_1_0,
)
from tests.runtime.snapshots.layers import Item, folder, tar, unpack
from tests.runtime.snapshots.trees import tree


@pytest.mark.parametrize("name", REFUSED)
def test_refused(snapshots: Snapshots, tmp_path: Path, name: str) -> None:
    layers, says = REFUSED[name]
    below = layers[:-1]
    if below:
        unpack(snapshots, *below)
    with pytest.raises(InvalidLayer, match=says):
        unpack(snapshots, *layers)
    assert len(snapshots.chains()) == len(below)
    assert os.listdir(tmp_path / "snapshots" / snapshots.name / "aside") == []
    assert os.listdir(tmp_path) == ["snapshots"]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that no layer may touch."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "file").write_bytes(b"mine")
    return place


@pytest.mark.parametrize("split", [False, True], ids=["one layer", "over layers"])
def test_a_link_leads_nowhere_but_into_the_image(
    snapshots: Snapshots, mounted: Mounted, outside: Path, split: bool
) -> None:
    before = tree(outside)
    links = [
        Item("away", "link", link=str(outside)),
        Item("up", "link", link="../" * 20 + str(outside).lstrip("/")),
        Item("file", "link", link=f"{outside}/file"),
    ]
    writes = [
        Item("away/evil", data=b"evil"),
        Item("up/evil2", data=b"evil"),
        Item("file", data=b"evil"),
        Item("away/sub/.wh.x"),
        Item("up/.wh.file"),
        Item("away/.wh..wh..opq"),
        folder("away/../away/sub", mode=0o777),
        Item("hard", "hard", link="away/evil"),
    ]
    root = mounted(unpack(snapshots, tar(*links), tar(*writes)) if split else unpack(snapshots, tar(*links, *writes)))
    assert tree(outside) == before
    inside = root / str(outside).lstrip("/")
    assert (inside / "evil").read_bytes() == (inside / "evil2").read_bytes() == b"evil"
    assert (root / "hard").samefile(inside / "evil")
    assert not (root / "file").is_symlink()


def test_a_hard_link_to_a_link_is_one_more_name_of_the_link(
    snapshots: Snapshots, mounted: Mounted, outside: Path
) -> None:
    link = Item("link", "link", link=f"{outside}/file")
    root = mounted(unpack(snapshots, tar(link), tar(Item("same", "hard", link="link"), Item("same", data=b"evil"))))
    assert (outside / "file").read_bytes() == b"mine"
    assert (root / "link").is_symlink()
    root = mounted(unpack(snapshots, tar(link), tar(Item("same", "hard", link="link"))))
    assert os.readlink(root / "same") == f"{outside}/file"


def test_writing_to_a_name_never_writes_to_its_other_names(snapshots: Snapshots, mounted: Mounted) -> None:
    root = mounted(unpack(snapshots, tar(Item("a", data=b"a"), Item("b", "hard", link="a"), Item("b", data=b"b"))))
    assert ((root / "a").read_bytes(), (root / "b").read_bytes()) == (b"a", b"b")


def test_hard_links_over_layers(snapshots: Snapshots, mounted: Mounted) -> None:
    base = tar(Item("d/a", data=b"a" * 5000, mode=0o4750, uid=5, xattrs={"user.x": b"1"}, mtime=5))
    root = mounted(unpack(snapshots, base, tar(Item("b", "hard", link="/d/a"))))
    assert (root / "b").samefile(root / "d/a")
    status = (root / "d/a").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_mtime, status.st_nlink) == (0o4750, 5, 5, 2)
    assert os.getxattr(root / "b", "user.x") == b"1"


def test_what_was_copied_for_a_hard_link_is_still_what_is_below(snapshots: Snapshots, mounted: Mounted) -> None:
    base = tar(Item("a", data=b"a"), Item("d/b", data=b"b"))
    links = (Item("x", "hard", link="a"), Item("y", "hard", link="d/b"))
    root = mounted(unpack(snapshots, base, tar(*links, Item(".wh.a"), Item("d/.wh..wh..opq"))))
    assert sorted(os.listdir(root)) == ["d", "x", "y"]
    assert os.listdir(root / "d") == []
    assert ((root / "x").read_bytes(), (root / "y").read_bytes()) == (b"a", b"b")
    gone = tar(Item("d/.wh.c"), Item("d/e/.wh.none"), Item("x", "hard", link="d/b"), Item(".wh.d"))
    root = mounted(unpack(snapshots, tar(Item("d/b"), Item("d/c"), Item("d/e/f")), gone))
    assert os.listdir(root) == ["x"]


@pytest.mark.parametrize("first", [False, True], ids=["at the end", "at the front"])
def test_opaque_hides_what_is_below_whatever_its_order(snapshots: Snapshots, mounted: Mounted, first: bool) -> None:
    base = tar(Item("d/old"), Item("d/sub/old"), Item("keep"))
    items = [Item("d/new"), Item("d/sub/new")]
    items.insert(0 if first else 2, Item("d/.wh..wh..opq"))
    root = mounted(unpack(snapshots, base, tar(*items), tar(Item("d/third"))))
    assert sorted(os.listdir(root / "d")) == ["new", "sub", "third"]
    assert os.listdir(root / "d/sub") == ["new"]
    root = mounted(unpack(snapshots, base, tar(Item(".wh..wh..opq"), Item("alone"))))
    assert os.listdir(root) == ["alone"]


def test_whiteouts(snapshots: Snapshots, mounted: Mounted) -> None:
    base = tar(Item("f"), Item("d/x"), Item("e/x"), Item("g/x"), Item("l", "link", link="d"))
    second = tar(
        Item(".wh.f"), Item("f", data=b"new"),  # the whiteout hides what is below only
        Item("d/y"), Item(".wh.d"),
        Item(".wh.e"), Item("e/y"),
        Item("g", "char"),  # overlayfs' own mark, in an archive
        Item(".wh.l"), Item(".wh.none"), Item("none/.wh.x"), Item("none/.wh..wh..opq"),
    )  # fmt: skip
    root = mounted(unpack(snapshots, base, second))
    assert sorted(os.listdir(root)) == ["d", "e", "f"]
    assert os.listdir(root / "d") == os.listdir(root / "e") == ["y"]
    assert (root / "f").read_bytes() == b"new"


def test_files_of_aufs_mean_nothing(snapshots: Snapshots, mounted: Mounted) -> None:
    layer = tar(Item(".wh..wh.aufs"), folder(".wh..wh.plnk"), Item(".wh..wh.plnk/12.34"), Item("a"))
    assert os.listdir(mounted(unpack(snapshots, layer))) == ["a"]


def test_anything_gives_way_to_what_comes_over_it(snapshots: Snapshots, mounted: Mounted) -> None:
    base = tar(Item("a/x/y"), Item("b"), Item("c", "link", link="a"), Item("d", "fifo"))
    second = tar(Item("a", data=b"file"), folder("b"), folder("c"), Item("c/z"), Item("d", "link", link="b"))
    root = mounted(unpack(snapshots, base, second))
    assert (root / "a").read_bytes() == b"file"
    assert os.listdir(root / "b") == []
    assert os.listdir(root / "c") == ["z"]
    assert os.readlink(root / "d") == "b"


def test_duplicates_the_last_counts(snapshots: Snapshots, mounted: Mounted) -> None:
    layer = tar(
        Item("x", data=b"one"), folder("x"), Item("x/y"), Item("x", data=b"two", mode=0o600),
        folder("d", mode=0o700), Item("d/f"), folder("d", mode=0o711, mtime=7),
        Item("s", "link", link="d"), Item("s/g"), Item("s"),
    )  # fmt: skip
    root = mounted(unpack(snapshots, layer))
    assert (root / "x").read_bytes() == b"two"
    assert sorted(os.listdir(root / "d")) == ["f", "g"]
    assert ((root / "d").stat().st_mode & 0o777, (root / "d").stat().st_mtime) == (0o711, 7)
    assert (root / "s").is_file()


def test_missing_parents_are_as_below(snapshots: Snapshots, mounted: Mounted) -> None:
    base = tar(folder(".", mode=0o711, mtime=3), folder("d", mode=0o1770, uid=7, mtime=9, xattrs={"user.d": b"d"}))
    root = mounted(unpack(snapshots, base, tar(Item("d/e/f", mtime=5))))
    status = (root / "d").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_mtime) == (0o1770, 7, 9)
    assert os.getxattr(root / "d", "user.d") == b"d"
    assert (root / "d/e").stat().st_mode & 0o7777 == 0o755
    assert (root.stat().st_mode & 0o7777, root.stat().st_mtime) == (0o711, 3)


def test_attributes_survive_their_order(snapshots: Snapshots, mounted: Mounted) -> None:
    caps = {
        "security.capability": CAPABILITY,
        "trusted.overlay.opaque": b"y",
        "trusted.x": b"1",
        "user.overlay.x": b"1",
    }
    layer = tar(
        Item("ping", mode=0o6755, uid=1, gid=2, xattrs=caps, mtime=1_500_000_000.25),
        folder("d", mode=0o2775, gid=50, mtime=11, xattrs={"trusted.overlay.opaque": b"y"}),
        Item("d/f"),
        Item("link", "link", link="ping", uid=3, mtime=12, xattrs={"user.no": b"links cannot have it"}),
        Item("null", "char", device=(1, 3), mode=0o666, uid=4),
        Item("pipe", "fifo", mode=0o622),
    )
    root = mounted(unpack(snapshots, layer))
    ping = (root / "ping").stat()
    assert (ping.st_mode & 0o7777, ping.st_uid, ping.st_gid) == (0o6755, 1, 2)
    assert ping.st_mtime_ns == 1_500_000_000_250_000_000
    assert os.listxattr(root / "ping") == ["security.capability"]
    assert os.getxattr(root / "ping", "security.capability") == CAPABILITY
    assert ((root / "d").stat().st_mode & 0o7777, (root / "d").stat().st_mtime) == (0o2775, 11)
    assert (root / "d/f").stat().st_gid == 0
    assert ((root / "link").lstat().st_uid, (root / "link").lstat().st_mtime) == (3, 12)
    null = (root / "null").stat()
    assert stat.S_ISCHR(null.st_mode)
    assert (null.st_rdev, null.st_mode & 0o7777, null.st_uid) == (os.makedev(1, 3), 0o666, 4)
    assert (root / "pipe").stat().st_mode & 0o7777 == 0o622


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_long_names_and_huge_ids(snapshots: Snapshots, mounted: Mounted, form: int) -> None:
    deep = "/".join(["d" * 60] * 40)
    layer = tar(
        Item(f"{deep}/file", data=b"deep", uid=4_294_967_294, gid=2_147_483_648),
        Item("n" * 255, "link", link="t" * 3000),
        Item("latin-\udce9", data=b"latin"),
        form=form,
    )
    root = mounted(unpack(snapshots, layer))
    status = (root / deep / "file").stat()
    assert (status.st_uid, status.st_gid) == (4_294_967_294, 2_147_483_648)
    assert os.readlink(root / ("n" * 255)) == "t" * 3000
    assert (os.fsencode(root) + b"/latin-\xe9", b"latin") == (
        os.fsencode(root / "latin-\udce9"),
        (root / "latin-\udce9").read_bytes(),
    )


@pytest.mark.parametrize("make", [old_sparse, sparse_0_0, sparse_0_1, sparse_1_0])
def test_sparse_files(snapshots: Snapshots, mounted: Mounted, make: Callable[[], bytes]) -> None:
    root = mounted(unpack(snapshots, make()))
    data = (root / "sparse").read_bytes()
    assert len(data) == 65536
    assert data[:512] + data[4096:4608] == b"a" * 512 + b"b" * 512
    assert set(data[512:4096]) == {0}
    assert (root / "sparse").stat().st_blocks * 512 < 65536


def test_headers_of_other_times(snapshots: Snapshots, mounted: Mounted) -> None:
    layer = (
        raw(b"v7/", b"\0", mode=b"0000755\0", magic=bytes(8))
        + raw(b"name", prefix=b"ustar/prefix")
        + raw(b"gnu", magic=b"ustar  \0", prefix=b"14000000000\x0014000000000")  # times, no prefix
        + raw(b"go", magic=b"ustar  \0", prefix=b"old/go")  # a prefix where times should be
        + raw(b"l", b"1", size=b"00000000777\0", link=b"gnu")  # a link has no data, whatever it says
        + raw(b"comment", b"g", b"00000000021\0") + b"17 comment=hello\n".ljust(512, b"\0")
    )  # fmt: skip
    layer += pax((b"path", b"kept"), (b"gid", b""), (b"comment", b"\0")) + raw(gid=b"0000007\0")
    root = mounted(unpack(snapshots, layer))  # no blocks of zeros at the end: Go takes it
    assert sorted(os.listdir(root)) == ["gnu", "kept", "l", "old", "ustar", "v7"]
    assert (root / "v7").is_dir()
    assert (root / "ustar/prefix/name").is_file()
    assert (root / "old/go/go").is_file()
    assert (root / "kept").stat().st_gid == 7
    root = mounted(unpack(snapshots, raw(b"x", mtime=b"\xff" * 12) + raw(b"/abs//./y") + END + b"padding" * 1000))
    assert (root / "x").stat().st_mtime == -1
    assert (root / "abs/y").is_file()


def test_folders_without_end_are_bounded(snapshots: Snapshots) -> None:
    link = Item("a", "link", link="/".join(["d" * 100] * 20))
    with pytest.raises(InvalidLayer, match="longer than 4095"):
        unpack(snapshots, tar(folder(link.link), link, Item("a/" + "/".join(["e" * 100] * 25))))
