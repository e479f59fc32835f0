"""`--userns remap` in whole containers of the engine: who is who, in files, volumes, copies, images and networks."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.bundle.container import HostConfig, Mount
from runtime.bundle.errors import Conflict
from runtime.engine import copy, stop
from runtime.engine.errors import EngineError
from runtime.engine.logs import read
from runtime.engine.machine import Machine
from runtime.engine.remove import remove
from runtime.engine.start import start
from runtime.images.image import Image
from tests.runtime.engine.images import install, made
from tests.runtime.quiet import quiet
from tests.runtime.subordinate import subordinate

UIDS, GIDS = 1_700_000, 1_800_000
USER, OTHER = "entrepot-test-users", "entrepot-test-others"


@pytest.fixture(scope="module")
def ids() -> Iterator[None]:
    """Ranges for two users."""
    lines = [f"{USER}:{first}:5000\n{OTHER}:{first + 10000}:5000\n" for first in (UIDS, GIDS)]
    with subordinate(*lines):
        yield


@pytest.fixture(scope="module")
def place(rootfs: Path, ids: None) -> Iterator[tuple[Path, Image]]:
    """A folder that everybody may enter, with a data root that has the image."""
    with tempfile.TemporaryDirectory(prefix="entrepot-remap") as name:
        folder = Path(name)
        folder.chmod(0o755)
        tree = folder / "tree"
        shutil.copytree(rootfs, tree, symlinks=True)
        (tree / "bin/busybox").chmod(0o4755)
        (tree / "etc/passwd").write_text("root::0:0:root:/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
        (tree / "data").mkdir()
        (tree / "data/file").write_text("of the image\n")
        os.chown(tree / "data/file", 1000, 1000)
        (tree / "secret").write_text("secret\n")
        (tree / "secret").chmod(0o600)
        yield folder, install(folder / "data", tree)
        quiet(folder)


@pytest.fixture
def machine(place: tuple[Path, Image]) -> Iterator[Machine]:
    """An engine; at the end no container is left, and nothing of one is mounted."""
    here = Machine(place[0] / "data", place[0] / "run")
    yield here
    for id in here.store.ids():
        remove(here, id, force=True, with_volumes=True)
    assert str(place[0]) not in Path("/proc/self/mountinfo").read_text()
    assert os.listdir(here.paths.running) == []


def begin(
    machine: Machine, image: Image, script: str, user: str = "", userns: str = f"remap:{USER}", **asked: object
) -> str:
    """A container that runs a script; its id."""
    host = HostConfig(**{"network_mode": "none", "userns_mode": userns, **asked})  # type: ignore[arg-type]
    record = made(machine, image, "sh", "-c", script, host=host, user=user)
    if connection := start(machine, record.id):
        connection.close()
    return record.id


def output(machine: Machine, id: str) -> list[str]:
    """The lines of one that ends by itself."""
    code = stop.wait(machine, id)
    lines = "".join(entry.text for entry in read(machine, id)).splitlines()
    assert code == 0, lines
    return lines


def owner(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid


WHO = """id -u; cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /secret /data/file /etc/hosts /dev/shm
cat /secret; echo new > /made; chown 7:8 /made; echo reopened > /dev/stdout; hostname again || echo denied
mount -t tmpfs x /tmp || echo denied
"""


@pytest.mark.parametrize("runtime", ["", "runc"])
def test_root_inside_is_not_root_outside(machine: Machine, place: tuple[Path, Image], runtime: str) -> None:
    id = begin(machine, place[1], WHO + "touch /done; sleep 1000", runtime=runtime)
    top = Path(machine.paths.of(id).rootfs)
    pid = machine.store.state(id).pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert f"Uid:\t{UIDS}\t{UIDS}\t{UIDS}\t{UIDS}" in status
    assert f"Gid:\t{GIDS}\t{GIDS}\t{GIDS}\t{GIDS}" in status
    while not (top / "done").exists():
        assert machine.store.state(id).pid, read(machine, id)
    assert owner(top / "made") == (UIDS + 7, GIDS + 8)
    assert owner(top / "secret") == (UIDS, GIDS)
    assert top.parent.stat().st_mode & 0o7777 == 0o710, "nobody else comes to the programs that set its ids"
    stop.stop(machine, id, signal=9)  # from then on its log is whole
    lines = [" ".join(entry.text.split()) for entry in read(machine, id) if entry.stream == "stdout"]
    assert lines[:4] == ["0", f"0 {UIDS} 5000", f"0 {GIDS} 5000", "0:0"]
    # runc leaves it to its caller whose the standard streams are.
    reopened = [] if runtime == "runc" else ["reopened"]
    assert lines[4:] == ["1000:1000", "0:0", "0:0", "secret", *reopened, "denied", "denied"]
    assert {change.path for change in machine.snapshots.changes(id)} >= {"/made", "/done"}
    assert not {change.path for change in machine.snapshots.changes(id)} & {"/secret", "/bin/busybox"}


def test_programs_may_still_set_their_user(machine: Machine, place: tuple[Path, Image]) -> None:
    script = "echo user-is $(id -u); su root -c 'echo root-is $(id -u); cat /secret; grep ^Uid /proc/self/status'"
    lines = output(machine, begin(machine, place[1], script, user="user"))
    assert lines == ["user-is 1000", "root-is 0", "secret", "Uid:\t0\t0\t0\t0"]
    again = (
        "chmod u-s /bin/busybox; chmod 4755 /bin/busybox; stat -c %a:%u /bin/busybox; su user -c 'su root -c \"id -u\"'"
    )
    assert output(machine, begin(machine, place[1], again)) == ["4755:0", "0"], "written anew by the container"


def test_copies_have_the_ids_of_the_other_side(machine: Machine, place: tuple[Path, Image], tmp_path: Path) -> None:
    id = begin(machine, place[1], "echo x > /theirs; chown 1000:7 /theirs; touch /done; sleep 1000")
    top = Path(machine.paths.of(id).rootfs)
    while not (top / "done").exists():
        assert machine.store.state(id).pid
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/given").write_text("given")
    os.chown(tmp_path / "folder/given", 12, 13)
    for path in ("/plain", "/kept"):
        copy.in_(machine, id, str(tmp_path / "folder"), path, archive=path == "/kept")
    assert (owner(top / "plain/given"), owner(top / "kept/given")) == ((UIDS, GIDS), (UIDS + 12, GIDS + 13))
    copy.out(machine, id, "/theirs", str(tmp_path / "out"))
    copy.out(machine, id, "/theirs", str(tmp_path / "archived"), archive=True)
    assert (owner(tmp_path / "out"), owner(tmp_path / "archived")) == ((0, 0), (1000, 7))
    stop.stop(machine, id, signal=9)
    copy.in_(machine, id, str(tmp_path / "folder/given"), "/stopped")
    came = io.BytesIO()
    copy.export(machine, id, came)
    came.seek(0)
    with tarfile.open(fileobj=came) as tar:
        found = {each.name: (each.uid, each.gid) for each in tar}
    assert [found[name] for name in ("theirs", "stopped", "kept/given", "secret")] == [
        (1000, 7),
        (0, 0),
        (12, 13),
        (0, 0),
    ]
    layer = io.BytesIO()
    machine.snapshots.write_diff(id, layer)
    layer.seek(0)
    with tarfile.open(fileobj=layer) as tar:
        found = {each.name: (each.uid, each.gid) for each in tar}
    assert (found["theirs"], found["stopped"], found["kept/given"]) == ((1000, 7), (0, 0), (12, 13))


def test_volumes_belong_to_its_users(machine: Machine, place: tuple[Path, Image], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine\n")
    (tmp_path / "mine").chmod(0o600)
    mounts = (
        Mount(type="volume", source="filled", target="/data"),
        Mount(type="volume", source="empty", target="/empty"),
        Mount(type="bind", source=str(tmp_path), target="/bind"),
    )
    script = (
        "echo more >> /data/file; echo new > /empty/new; cat /bind/mine || echo denied; touch /bind/x || echo denied"
    )
    id = begin(machine, place[1], script, mounts=mounts)
    assert [line for line in output(machine, id) if line == "denied"] == ["denied", "denied"]
    filled, empty = (Path(machine.volumes.path(name)) for name in ("filled", "empty"))
    assert (filled / "file").read_text() == "of the image\nmore\n"
    assert (owner(filled / "file"), owner(empty / "new")) == ((UIDS + 1000, GIDS + 1000), (UIDS, GIDS))
    assert output(machine, begin(machine, place[1], "cat /data/file; rm /data/file", mounts=mounts))[1] == "more"
    remove(machine, id)


def test_a_network_of_its_own_and_of_another(machine: Machine, place: tuple[Path, Image]) -> None:
    """Its root may change its network, and those that join it are of the same users."""
    look = "ip addr add 10.11.12.13/32 dev lo && ip addr show lo | grep -c 10.11.12.13; cat /sys/class/net/lo/mtu"
    donor = begin(
        machine, place[1], f"ip link set lo up; {look}; sleep 1000", cap_add=("NET_ADMIN",), ipc_mode="shareable"
    )
    joined = {"network_mode": f"container:{donor}", "ipc_mode": f"container:{donor}", "pid_mode": f"container:{donor}"}
    script = "for kind in user net; do readlink /proc/self/ns/$kind; done; ps | grep -c [s]leep; stat -c %u /dev/shm"
    pid = machine.store.state(donor).pid
    namespaces = [os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("user", "net")]
    assert output(machine, begin(machine, place[1], script, **joined))[:2] == namespaces
    assert namespaces[0] != os.readlink("/proc/self/ns/user")
    with pytest.raises(EngineError, match="its users are others"):
        begin(machine, place[1], "true", userns=f"remap:{OTHER}", **joined)
    assert [entry.text for entry in read(machine, donor)][:2] == ["1\n", "65536\n"]


def test_ids_must_be_there(machine: Machine, place: tuple[Path, Image]) -> None:
    with pytest.raises(Conflict, match="/etc/subuid"):
        begin(machine, place[1], "true", userns="remap:nobody-at-all")
    host = output(machine, begin(machine, place[1], "readlink /proc/self/ns/user", userns="host"))
    assert host == [os.readlink("/proc/self/ns/user")]
