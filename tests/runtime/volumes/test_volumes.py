"""Volumes come and go, are copied up to once, mounted while somebody wants them, and counted."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.volumes.errors import InvalidVolume, MountFailed, VolumeInUse, VolumeNotFound
from runtime.volumes.mounting import is_mounted, unmount
from runtime.volumes.usage import Total, total
from runtime.volumes.volume import ANONYMOUS, Wishes, settings
from runtime.volumes.volumes import Volumes


def nobody(_: str) -> list[str]:
    return []


@pytest.fixture
def volumes(tmp_path: Path) -> Iterator[Volumes]:
    """Volumes of the test's own; what is still mounted at its end is unmounted."""
    made = Volumes(tmp_path / "root", tmp_path / "run")
    yield made
    for volume in made.every():
        if is_mounted(made.path(volume.name)):
            unmount(made.path(volume.name))


def test_created_once_and_shown_as_docker_does(volumes: Volumes, tmp_path: Path) -> None:
    made = volumes.create("data", Wishes(labels={"a": "b"}))
    assert volumes.create("data", Wishes(labels={"c": "d"})) == made == volumes.inspect("data")
    assert settings(made, str(volumes.path("data"))) == {
        "CreatedAt": made.created,
        "Driver": "local",
        "Labels": {"a": "b"},
        "Mountpoint": str(tmp_path / "root" / "volumes" / "data" / "_data"),
        "Name": "data",
        "Options": None,
        "Scope": "local",
    }
    anonymous = volumes.create()
    assert len(bytes.fromhex(anonymous.name)) == 32
    assert anonymous.labels == {ANONYMOUS: ""}
    assert sorted(volume.name for volume in volumes.every()) == sorted(["data", anonymous.name])


@pytest.mark.parametrize("name", ["..", "a", "../x", "a/b", ".lock", "a b", "a\n", "x" * 256, "/abs"])
def test_names_that_would_be_paths(volumes: Volumes, name: str) -> None:
    with pytest.raises(InvalidVolume, match="invalid characters"):
        volumes.create(name)
    with pytest.raises(VolumeNotFound):
        volumes.remove(name, nobody)


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (Wishes(driver="nfs"), "driver nfs is not known"),
        (Wishes(options={"size": "1g"}), 'invalid option: "size"'),
        (Wishes(options={"type": "tmpfs"}), 'missing required option: "device"'),
    ],
)
def test_options_that_cannot_be(volumes: Volumes, wishes: Wishes, told: str) -> None:
    with pytest.raises(InvalidVolume, match=told):
        volumes.create("data", wishes)
    assert volumes.every() == []


def test_one_is_made_however_many_ask(volumes: Volumes) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: volumes.create("data"), range(8)))
    assert len({volume.created for volume in made}) == 1
    assert len(os.listdir(volumes.path("data").parents[1])) == 2, "the volume and the lock"


def test_removed_with_all_that_is_in_it(volumes: Volumes, tmp_path: Path) -> None:
    volumes.create("data")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    deep = volumes.path("data")
    (deep / "link").symlink_to(outside)
    here = os.open(deep, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0, dir_fd=here))
    os.close(here)
    with pytest.raises(VolumeInUse, match=r"remove data: volume is in use - \[c1, c2\]"):
        volumes.remove("data", lambda _: ["c1", "c2"])
    volumes.remove("data", nobody)
    assert volumes.every() == []
    assert os.listdir(tmp_path / "root" / "volumes") == [".lock"]
    assert (outside / "kept").exists()


def test_a_removal_that_was_cut_off_is_finished(volumes: Volumes, tmp_path: Path) -> None:
    volumes.create("data")
    folder = tmp_path / "root" / "volumes"
    (folder / "data").rename(folder / ".gone-1")
    (folder / ".new-1" / "_data").mkdir(parents=True)
    assert volumes.every() == []
    volumes.reconcile(())
    assert os.listdir(folder) == [".lock"]


def test_prune_takes_what_nobody_has(volumes: Volumes) -> None:
    for name in ("kept", "used", "gone"):
        volumes.create(name)
    (volumes.path("gone") / "file").write_bytes(b"x" * 1000)
    os.link(volumes.path("gone") / "file", volumes.path("gone") / "again")

    def users(name: str) -> list[str]:
        return ["c1"] if name == "used" else []

    assert total(volumes.usages(users)) == Total(3, 1, 1000, 1000)
    removed = volumes.prune(users, lambda volume: volume.name != "kept")
    assert [(each.name, each.size) for each in removed] == [("gone", 1000)]
    assert [volume.name for volume in volumes.every()] == ["kept", "used"]


def test_content_is_copied_up_once(volumes: Volumes, tmp_path: Path) -> None:
    source = tmp_path / "image"
    (source / "below" / "deeper").mkdir(parents=True, mode=0o755)
    (source / "file").write_bytes(b"content" * 100_000)
    os.link(source / "file", source / "below" / "same")
    (source / "below" / "link").symlink_to("/etc/passwd")
    os.mkfifo(source / "pipe")
    os.mknod(source / "null", 0o020666, os.makedev(1, 3))
    os.setxattr(source / "file", "user.note", b"said")
    os.chown(source / "file", 1000, 1001)
    os.chmod(source / "file", 0o4755)
    os.lchown(source / "below" / "link", 1002, 1003)
    os.chown(source, 1004, 1005)
    os.chmod(source, 0o1770)
    os.utime(source / "below", ns=(10**18, 10**18))
    volumes.create("data")
    assert copied(volumes, source)
    target = volumes.path("data")
    assert tree(source) == tree(target)
    assert (target / "file").stat().st_ino == (target / "below" / "same").stat().st_ino
    assert os.getxattr(target / "file", "user.note") == b"said"
    (source / "later").touch()
    assert not copied(volumes, source), "it is not empty any more"
    assert not (target / "later").exists()


def test_a_copy_that_was_cut_off_is_made_again(volumes: Volumes, tmp_path: Path) -> None:
    source = tmp_path / "image"
    source.mkdir()
    (source / "whole").write_text("all of it")
    volumes.create("data")
    (volumes.path("data") / "whole").write_text("half")
    (volumes.path("data").parent / "filling").touch()
    assert copied(volumes, source)
    assert (volumes.path("data") / "whole").read_text() == "all of it"
    assert not (volumes.path("data").parent / "filling").exists()


def test_a_filesystem_is_mounted_while_somebody_wants_it(volumes: Volumes, tmp_path: Path) -> None:
    volumes.create("fast", Wishes(options={"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=0700"}))
    outside = tmp_path / "outside"
    outside.mkdir()
    volumes.create("bound", Wishes(options={"type": "none", "device": str(outside), "o": "bind"}))
    path = volumes.acquire("fast", "c1")
    assert volumes.acquire("fast", "c2") == path == volumes.path("fast")
    volumes.acquire("bound", "c1")
    (path / "file").touch()
    (volumes.path("bound") / "file").touch()
    assert (path.stat().st_mode & 0o777, shutil.disk_usage(path).total) == (0o700, 2**20)
    volumes.release("c1")
    assert is_mounted(path)
    assert not is_mounted(volumes.path("bound"))
    assert (outside / "file").exists()
    volumes.reconcile({"c1"})
    assert not is_mounted(path)
    assert os.listdir(tmp_path / "run" / "volumes") == []
    volumes.acquire("bound", "c3")
    volumes.remove("bound", nobody)
    assert (outside / "file").exists(), "what is mounted is not what is removed"


def test_what_cannot_be_mounted_is_told(volumes: Volumes) -> None:
    volumes.create("far", Wishes(options={"type": "ext4", "device": "/nothing"}))
    with pytest.raises(MountFailed, match=r"failed to mount local volume far: mount: .*/nothing does not exist"):
        volumes.acquire("far", "c1")
    volumes.remove("far", nobody)


def copied(volumes: Volumes, source: Path) -> bool:
    descriptor = os.open(source, os.O_RDONLY)
    try:
        return volumes.copy_up(descriptor, "data")
    finally:
        os.close(descriptor)


def tree(folder: Path) -> str:
    """Everything about a tree that an image can say."""
    form = "%P %y %m %U:%G %s %T@ %l\\n"
    command = ["find", ".", "-type", "d", "-printf", "%P %m %U:%G %T@\\n", "-o", "-printf", form]
    return "\n".join(
        sorted(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split("\n"))
    )
