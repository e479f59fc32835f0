"""A registry of the same machine: pushes and pulls move links, and bytes only where links cannot be."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from registry.client.distribution import Folder
from runtime.images.local_registry import LocalRegistry
from tests.e2e.processes import run
from tests.protocol.server import Server, running
from tests.runtime.images.conftest import write_tar
from tests.runtime.images.hosts import Host

SHARED = "Shared with the registry"
SIZE = 2_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry in its default configuration."""
    with running(tmp_path_factory.mktemp("links")) as started:
        yield started


def imported(server: Server, host: Host, folder: Path) -> str:
    """The name of an image of the host, whose one layer nobody else has and cannot be made much smaller."""
    name = f"127.0.0.1:{server.port}/{folder.name.lower().replace('_', '-')}/app:1"
    host.run("import", write_tar(folder / "made.tar", {"made": Random(str(folder)).randbytes(SIZE)}), name)
    return name


@pytest.fixture
def made(server: Server, host: Host, tmp_path: Path) -> str:
    return imported(server, host, tmp_path)


def large(folder: Path) -> dict[str, Path]:
    """The large blobs below a folder, by their digits."""
    return {file.parent.name: file for file in folder.rglob("data") if file.stat().st_size > SIZE // 2}


def shared(server: Server, host: Host) -> list[Path]:
    """The large blobs of the host that are files of the registry, too."""
    theirs = large(server.blobs)
    return [file for digits, file in large(host.root).items() if digits in theirs and theirs[digits].samefile(file)]


def moved(server: Server, name: str) -> tuple[int, int]:
    """The bytes of blobs of a repository that came and went over the wire; the access log is written now and then."""
    time.sleep(1.5)
    part = f"/v2/{name.partition('/')[2].rpartition(':')[0]}/blobs/"
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    found = [line for line in lines if line.get("target", "").startswith(part)]
    return sum(line["received"] for line in found), sum(line["sent"] for line in found)


def test_there_and_back_by_links(server: Server, host: Host, made: str, new_host: Callable[[], Host]) -> None:
    assert SHARED in host.run("push", made)
    [ours] = shared(server, host)
    assert ours.stat().st_mode & 0o222 == 0
    other = new_host()
    assert SHARED in other.run("pull", made)
    [theirs] = shared(server, other)
    assert theirs.samefile(ours)
    assert theirs.stat().st_nlink == 3
    came, went = moved(server, made)
    assert 0 < came < 2000  # the config
    assert 0 < went < 2000
    host.run("rmi", made)  # nobody's removal is anybody else's
    assert not ours.exists()
    server.blob_file(f"sha256:{theirs.parent.name}").unlink()
    other.run("save", "-o", other.folder / "saved.tar", made)
    assert theirs.stat().st_nlink == 1


def test_several_push_the_same_at_once(server: Server, host: Host, made: str, new_host: Callable[[], Host]) -> None:
    host.run("save", "-o", host.folder / "saved.tar", made)
    hosts = [host, new_host()]
    hosts[1].run("load", "-q", "-i", host.folder / "saved.tar")
    running = [one.start("push", made) for one in hosts]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    assert len(shared(server, hosts[0])) + len(shared(server, hosts[1])) >= 1
    assert moved(server, made)[0] < 4000
    assert list((server.blobs.parent / "linked").iterdir()) == []


def test_switched_off_here(server: Server, host: Host, made: str) -> None:
    settings = host.folder / "runtime.toml"
    settings.write_text("share = false\n")
    host.environment["ENTREPOT_RUNTIME_CONFIG"] = str(settings)
    assert ": Pushed" in host.run("push", made)
    host.run("rmi", made)
    assert SHARED not in host.run("pull", made)
    assert shared(server, host) == []
    assert min(moved(server, made)) > SIZE
    host.run("rmi", made)
    settings.write_text("share = true\n")
    assert SHARED in host.run("pull", made)
    [ours] = shared(server, host)
    assert ours.stat().st_mode & 0o222 == 0


def test_another_file_system(server: Server, host: Host, tmp_path: Path) -> None:
    host.root.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=64m", "links-test", host.root])
    try:
        name = imported(server, host, tmp_path)
        assert ": Pushed" in host.run("push", name)
        host.run("rmi", name)
        assert SHARED not in host.run("pull", name)
        assert min(moved(server, name)) > SIZE
    finally:
        run(["umount", host.root])


def test_damaged_bytes_are_refused_as_a_file_too(server: Server, host: Host, made: str) -> None:
    host.run("push", made)
    [ours] = shared(server, host)
    name = made.replace("/app:1", "/new:1")
    host.run("tag", made, name)
    (host.root / "images" / "origins.json").unlink()
    digits = ours.parent.name
    data = bytearray(ours.read_bytes())
    data[SIZE // 2] ^= 1
    ours.unlink()
    ours.write_bytes(data)
    assert digits in host.refused("push", name)
    assert server.client.get(f"/v2/{name.partition('/')[2].rpartition(':')[0]}/blobs/sha256:{digits}").status == 404
    assert list((server.blobs.parent / "linked").iterdir()) == []
    assert server.blob_file(f"sha256:{digits}").stat().st_nlink == 1


GIVE_AND_DIE = """
import os, sys
from pathlib import Path
from runtime.images.linked_upload import LinkedUpload
with LinkedUpload(Path(sys.argv[1]), Path(sys.argv[2]))("1" * 32) as put:
    os.kill(os.getpid(), 9 if put else 15)
"""


def test_a_push_that_is_killed_leaves_no_more_than_its_link(server: Server, host: Host, made: str) -> None:
    [layer] = large(host.root).values()
    command = [sys.executable, "-c", GIVE_AND_DIE, str(server.root / "storage"), str(layer)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    left = server.blobs.parent / "linked" / ("1" * 32)
    assert left.samefile(layer)
    assert SHARED in host.run("push", made)
    left.unlink()  # as the registry does when it has expired (tests/protocol/test_links.py)
    assert layer.read_bytes()


def test_a_folder_is_the_one_that_was_meant(tmp_path: Path) -> None:
    found = tmp_path.stat()
    right = Folder(str(tmp_path), found.st_dev, found.st_ino)
    assert LocalRegistry.told(right, lambda _: True) is not None
    for wrong in (
        None,
        right._replace(inode=found.st_ino + 1),
        right._replace(device=found.st_dev + 1),
        right._replace(path=f"{tmp_path}/none"),
    ):
        assert LocalRegistry.told(wrong, lambda _: True) is None
