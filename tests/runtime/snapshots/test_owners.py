"""Snapshots that show their files as those of a user namespace: with mounts that map ids, and without."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.snapshots import paths
from runtime.snapshots.drivers import load
from runtime.snapshots.drivers.overlay import OverlaySnapshots, attach_aside, features
from runtime.snapshots.errors import Unsupported
from runtime.snapshots.owners import Owners
from runtime.snapshots.snapshots import Snapshots
from runtime.syscall import users
from runtime.syscall.namespaces import CLONE_NEWUSER
from tests.runtime.snapshots.layers import Item, folder, tar, unpack

FIRST = 1_400_000
IDS = users.Ids(((0, FIRST, 1000), (1000, FIRST + 5000, 1000)), ((0, FIRST + 100_000, 65536),))
CAPABILITY = bytes.fromhex("0100000200000020000000000000000000000000")
OF_THE_NAMESPACE = b"\1\0\0\3" + CAPABILITY[4:] + FIRST.to_bytes(4, "little")
"""The same, for who has this user 0."""
LAYER = tar(
    folder("bin"),
    Item("bin/su", data=b"setuid", mode=0o4755),
    Item("bin/ping", data=b"ping", mode=0o755, xattrs={"security.capability": CAPABILITY}),
    Item("bin/again", "hard", link="bin/su"),
    folder("home", uid=1000, gid=1000),
    Item("home/file", data=b"x", uid=1000, gid=5),
    Item("home/link", "link", link="/nowhere", uid=7, gid=7),
    Item("stranger", data=b"s", uid=5000, gid=0),
)
INSIDE = """
import os, sys
sys.path.insert(0, sys.argv[3])
from runtime.syscall import namespaces
namespaces.setns(int(sys.argv[1]), namespaces.CLONE_NEWUSER)
os.setgroups([])
os.setresgid(0, 0, 0)
os.setresuid(0, 0, 0)
os.chdir(sys.argv[2])
open("made", "w").write("made")
os.mkdir("bin/more")
open("home/file", "a").write("y")
os.chown("home/file", 1000, 6)
os.unlink("home/link")
assert os.stat("bin/su").st_uid == 0 and os.stat("stranger").st_uid == 65534
os.setresuid(1000, 1000, 1000)
try:
    open("bin/su", "a")
except PermissionError:
    open("home/own", "w").write("own")
"""


class OldKernel(OverlaySnapshots):
    """Overlayfs as on Linux 6.1, which takes no layers from mounts that are nowhere attached."""

    def attach(self, key: str, target: int, owners: Owners | None) -> None:
        if owners is None:
            super().attach(key, target, None)
        else:
            lower, upper, _ = self._folders(key)
            attach_aside(lower, os.path.dirname(upper), features(), target, owners, self._store.paths.empty)


class OlderKernel(OverlaySnapshots):
    """Overlayfs as it was before Linux 5.19."""

    def attach(self, key: str, target: int, owners: Owners | None) -> None:
        if owners is not None:
            raise Unsupported("it takes no layers with mapped ids")
        super().attach(key, target, None)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system whose mounts cannot map ids."""
    target = tmp_path / "ramfs"
    target.mkdir()
    subprocess.run(["mount", "-t", "ramfs", "ramfs", target], check=True)
    yield target
    subprocess.run(["umount", target], check=True)


@pytest.fixture(params=["overlay", "copying", "old kernel", "older kernel", "older file system"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Snapshots:
    """Snapshots, one of which is `box` over the layer."""
    if request.param in ("old kernel", "older kernel"):
        driver = OldKernel if request.param == "old kernel" else OlderKernel
        made: Snapshots = driver(str(tmp_path / "snapshots"))
    elif request.param == "older file system":
        made = load("copying", str(request.getfixturevalue("place") / "snapshots"))
    else:
        made = load(request.param, str(tmp_path / "snapshots"))
    made.prepare("box", unpack(made, LAYER))
    return made


@pytest.fixture
def owners() -> Iterator[Owners]:
    with users.stand_in(CLONE_NEWUSER) as pid:
        users.write_maps(pid, IDS)
        descriptor = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    yield Owners(descriptor, IDS)
    os.close(descriptor)


@pytest.fixture
def target() -> Iterator[Path]:
    """Where everybody may go."""
    place = Path(f"/tmp/entrepot-owners-{os.getpid()}")
    place.mkdir(mode=0o755)
    yield place
    place.rmdir()


def owner(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid


def test_root_inside_is_not_root_outside(box: Snapshots, owners: Owners, target: Path) -> None:
    box.mount("box", str(target), owners)
    try:
        assert owner(target) == owner(target / "bin/su") == (FIRST, FIRST + 100_000)
        assert owner(target / "home/file") == (FIRST + 5000, FIRST + 100_005)
        assert stat.S_IMODE((target / "bin/su").stat().st_mode) == 0o4755
        assert owner(target / "home/link") == (FIRST + 7, FIRST + 100_007)
        subprocess.run(
            [sys.executable, "-I", "-c", INSIDE, str(owners.users), str(target), str(Path(__file__).parents[3])],
            pass_fds=[owners.users],
            check=True,
        )
        assert owner(target / "made") == (FIRST, FIRST + 100_000), "what is written has mapped ids"
        assert owner(target / "home/own") == (FIRST + 5000, FIRST + 100_000)
        with users.acting_as(*IDS.root):
            (target / "by root outside").write_text("x")
        assert owner(target / "by root outside") == IDS.root
        (changes, layer) = box.changes("box"), io.BytesIO()
        box.write_diff("box", layer)
    finally:
        box.unmount(str(target))
    told = {change.path: change.kind for change in changes}
    assert told == {
        "/bin": "C",
        "/bin/more": "A",
        "/by root outside": "A",
        "/home": "C",
        "/home/file": "C",
        "/home/link": "D",
        "/home/own": "A",
        "/made": "A",
    }
    layer.seek(0)
    with tarfile.open(fileobj=layer) as archive:
        found = {member.name: (member.uid, member.gid) for member in archive}
    assert found["made"] == found["bin/more"] == (0, 0), "a layer has the ids of the inside"
    assert (found["home/file"], found["home/own"], found["home"]) == ((1000, 6), (1000, 0), (1000, 1000))


def test_it_is_there_again_with_other_ids(box: Snapshots, owners: Owners, target: Path) -> None:
    box.mount("box", str(target), owners)
    with users.acting_as(*IDS.root):
        (target / "kept").write_text("kept")
    box.unmount(str(target))
    other = users.Ids(((0, FIRST + 200_000, 65536),), ((0, FIRST + 200_000, 65536),))
    with users.stand_in(CLONE_NEWUSER) as pid:
        users.write_maps(pid, other)
        descriptor = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
        box.mount("box", str(target), Owners(descriptor, other))
        os.close(descriptor)
    try:
        assert owner(target / "kept") == owner(target / "bin") == (FIRST + 200_000, FIRST + 200_000)
        assert owner(target / "home/file") == (FIRST + 201_000, FIRST + 200_005)
        assert [change.path for change in box.changes("box")] == ["/kept"]
    finally:
        box.unmount(str(target))


def test_capabilities_of_files_stay(box: Snapshots, owners: Owners, target: Path) -> None:
    box.mount("box", str(target), owners)
    try:
        if "security.capability" in os.listxattr(target / "bin/ping"):
            found = os.getxattr(target / "bin/ping", "security.capability")
            assert found in (CAPABILITY, OF_THE_NAMESPACE)
        else:
            assert box.name == "copying", "it is a file system without attributes"
    finally:
        box.unmount(str(target))


def test_only_what_cannot_be_mapped_is_given_away(box: Snapshots, owners: Owners, target: Path, tmp_path: Path) -> None:
    box.mount("box", str(target), owners)
    box.unmount(str(target))
    given = list(tmp_path.glob(f"**/active/box/{paths.IDS}"))
    assert len(given) == (isinstance(box, OlderKernel) or (tmp_path / "ramfs").exists())
