"""Users who are not root: pull and run with subordinate ids and without, networks, and what cannot be had is said."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.ports import free_port
from tests.protocol.server import running
from tests.runtime.engine.bundles import busybox_tree
from tests.runtime.quiet import quiet
from tests.runtime.stranger import Stranger

NAME, NUMBER, FIRST = "entrepot-stranger", 1_210_000, 2_100_000
LONELY = 1_220_000
USERMODE = ("slirp4netns", "pasta")
MAPS = ("newuidmap", "newgidmap")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image in a registry, whose files have several owners, one is a device, and one is hidden by a layer above."""
    folder = tmp_path_factory.mktemp("rootless")
    tree = busybox_tree(folder / "tree")
    (tree / "data").mkdir()
    (tree / "data/file").write_text("of user\n")
    os.chown(tree / "data/file", 1000, 1000)
    (tree / "data/gone").write_text("gone")
    (tree / "bin/busybox").chmod(0o4755)
    os.mknod(tree / "data/device", 0o20666, os.makedev(1, 3))
    subprocess.run(["tar", "-C", tree, "--numeric-owner", "-cf", folder / "tree.tar", "."], check=True)
    above = folder / "above"
    (above / "data").mkdir(parents=True)
    (above / "data/.wh.gone").touch()
    (folder / "server").mkdir()
    with running(folder / "server") as server:
        name = f"127.0.0.1:{server.port}/team/box:1"
        run = {"cwd": folder, "check": True, "capture_output": True}
        subprocess.run(["umoci", "init", "--layout", "layout"], **run)  # type: ignore[call-overload]
        subprocess.run(["umoci", "new", "--image", "layout:1"], **run)  # type: ignore[call-overload]
        for archive in (folder / "tree.tar", _packed(above)):
            words = ["umoci", "raw", "add-layer", "--image", "layout:1", archive]
            subprocess.run(words, **run)  # type: ignore[call-overload]
        copy = ["skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "oci:layout:1", f"docker://{name}"]
        subprocess.run(copy, **run)  # type: ignore[call-overload]
        yield name


def _packed(folder: Path) -> Path:
    target = folder.with_suffix(".tar")
    with tarfile.open(target, "w") as tar:
        tar.add(folder / "data", "data")
    return target


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    """Somebody with subordinate ids; at the end nothing runs."""
    with TemporaryDirectory(prefix="entrepot-stranger", ignore_cleanup_errors=True) as folder:
        made = Stranger(Path(folder), NAME, NUMBER, f"{NAME}:{FIRST}:65536\n")
        yield made
        if ids := made("ps", "-aq").split():
            made("rm", "-fv", *ids)
        quiet(made.run)
        made.leave()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def lonely() -> Iterator[Stranger]:
    """Somebody without."""
    with TemporaryDirectory(prefix="entrepot-lonely", ignore_cleanup_errors=True) as folder:
        made = Stranger(Path(folder), "entrepot-lonely", LONELY, "")
        yield made
        quiet(made.run)
        made.leave()
    shutil.rmtree(folder, ignore_errors=True)


def only(folder: Path, *programs: str) -> str:
    """A PATH with these programs."""
    folder.mkdir(mode=0o755)
    for name in programs:
        (folder / name).symlink_to(shutil.which(name) or "")
    return str(folder)


WHO = "id -u; stat -c %u:%g /data/file; cat /data/file; ls /data; cat /proc/self/uid_map; cat /proc/self/setgroups"


def test_pull_and_run(stranger: Stranger, image: str) -> None:
    assert "Status: Downloaded newer image" in stranger("pull", image)
    assert stranger.errors == ""
    lines = [
        " ".join(line.split())
        for line in stranger("run", "--rm", "--network=none", image, "sh", "-c", WHO).splitlines()
    ]
    assert lines[:3] == ["0", "1000:1000", "of user"]
    assert lines[3:] == ["file", f"0 {NUMBER} 1", f"1 {FIRST} 65536", "allow"], "no device, and what is hidden is gone"
    assert stat.S_ISDIR((stranger.data / "snapshots/overlay/committed").stat().st_mode), "nothing is copied"
    owners = {path.lstat().st_uid for path in stranger.data.rglob("*")}
    assert owners == {NUMBER, FIRST + 999}
    assert stranger.data.stat().st_uid == NUMBER
    assert "name=rootless" in stranger("info", "--format", "{{.SecurityOptions}}")
    assert stranger("run", "--rm", "--network=none", image, "echo", "--help") == "--help\n"
    su = "su user -c 'id -u; touch /tmp/x; stat -c %u /tmp/x'"
    assert stranger("run", "--rm", "--network=none", image, "sh", "-c", f"chmod 1777 /tmp; {su}") == "1000\n1000\n"


def test_the_life_of_a_container(stranger: Stranger, image: str, tmp_path: Path) -> None:
    port = str(free_port())
    serve = "mkdir /www; echo served > /www/index.html; echo up; httpd -f -p 80 -h /www"
    stranger("run", "-d", "--name=web", "-p", f"127.0.0.1:{port}:80", "-v", "kept:/kept", image, "sh", "-c", serve)
    assert stranger("port", "web") == f"80/tcp -> 127.0.0.1:{port}\n"
    assert got(port) == b"served\n"
    assert stranger("exec", "web", "sh", "-c", "id -u; echo x > /dev/stdout; echo y > /kept/y; exit 0") == "0\nx\n"
    assert "10.0.2.3" in stranger("exec", "web", "cat", "/etc/resolv.conf")
    given = stranger.folder / "given"
    given.write_text("given\n")
    given.chmod(0o644)
    stranger("cp", str(given), "web:/given")
    assert stranger("exec", "web", "cat", "/given") == "given\n"
    assert [line for line in stranger("diff", "web").splitlines() if "given" in line] == ["A /given"]
    assert "httpd" in stranger("top", "web")
    assert stranger("logs", "web") == "up\n"
    stranger("commit", "web", "mine")
    assert (
        stranger("run", "--rm", "--network=none", "-v", "kept:/kept", "mine", "cat", "/given", "/kept/y")
        == "given\ny\n"
    )
    stranger("stop", "-t", "0", "web")
    assert "Exited (137)" in stranger("ps", "-a")
    stranger("start", "web")
    stranger("rm", "-f", "web")
    quiet(stranger.run)
    stranger("volume", "rm", "kept")
    stranger("rmi", "mine")
    assert os.listdir(stranger.run / "entrepot/containers") == []


def got(port: str) -> bytes:
    """What is served at a port of this machine, which may be a moment away."""
    end = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.parametrize("program", USERMODE)
def test_a_network_by_either_program(stranger: Stranger, image: str, program: str) -> None:
    path = only(stranger.folder / f"bin-{program}", program, *MAPS)
    look = "ip -o -4 addr show tap0 | tr -s ' ' | cut -d' ' -f4; ip route | head -n 1"
    assert (
        stranger("run", "--rm", image, "sh", "-c", look, programs=path)
        == "10.0.2.100/24\ndefault via 10.0.2.2 dev tap0 \n"
    )
    mac, look = "02:42:ac:11:00:77", "cat /sys/class/net/tap0/address"
    assert stranger("run", "--rm", f"--mac-address={mac}", image, "sh", "-c", look, programs=path) == f"{mac}\n"


def test_what_cannot_be_had_is_said(stranger: Stranger, image: str) -> None:
    bare = only(stranger.folder / "bare", *MAPS)
    stranger("run", "--rm", image, "true", code=125, programs=bare)
    assert "install one of them or run with --network none or host" in stranger.errors
    assert stranger("run", "--rm", "--network=none", image, "echo", "well", programs=bare) == "well\n"
    assert stranger("run", "--rm", "--network=host", image, "echo", "well", programs=bare) == "well\n"
    stranger("network", "create", "inner")
    for words, said in (
        (("--network=inner",), "network inner needs root"),
        (("--memory=64m",), "cannot bound memory without a control group"),
        (("--userns=remap",), "--userns=remap is root's"),
    ):
        stranger("run", "--rm", *words, image, "true", code=125)
        assert said in stranger.errors
    assert stranger("ps", "-aq") == ""
    stranger("network", "rm", "inner")


def test_what_is_the_hosts_is_the_users(stranger: Stranger, image: str) -> None:
    """The host's namespaces, its devices, and all capabilities: as far as the user has them."""
    for words, script, said in (
        (("--privileged", "--network=none"), "mount -t tmpfs x /tmp && ls /dev | grep -cx tty0", "1"),
        (("--pid=host", "--network=none"), "readlink /proc/self/ns/pid", os.readlink("/proc/self/ns/pid")),
        (("--ipc=host", "--network=host"), "readlink /proc/self/ns/ipc; ls -d /sys/class/net", None),
        (
            ("--device=/dev/null:/dev/nothing", "--network=none"),
            "echo x > /dev/nothing; stat -c %t:%T /dev/nothing",
            "1:3",
        ),
    ):
        told = stranger("run", "--rm", *words, image, "sh", "-c", script).split()
        assert told == ([said] if said else [os.readlink("/proc/self/ns/ipc"), "/sys/class/net"])


@pytest.fixture
def delegated(stranger: Stranger) -> Iterator[str]:
    """A control group of each hierarchy that belongs to the user, who runs in it."""
    name, made = f"entrepot-stranger-{os.getpid()}", []
    for place in ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"):
        group = Path("/sys/fs/cgroup", place, name)
        group.mkdir()
        made.append(group)
        for file in ("cpuset.cpus", "cpuset.mems") if place == "cpuset" else ():
            (group / file).write_text((group.parent / file).read_text())
        for file in (".", "tasks", "cgroup.procs"):
            if (group / file).exists():
                os.chown(group / file, NUMBER, NUMBER)
    stranger.groups = tuple(made)
    yield f"/{name}"
    stranger.groups = ()
    end = time.monotonic() + 10
    for group in made:
        while group.exists():  # the last act of a monitor may come after the container is gone
            with contextlib.suppress(OSError):
                group.rmdir()
            assert time.monotonic() < end, group


def test_bounds_with_a_group_that_was_delegated(stranger: Stranger, image: str, delegated: str) -> None:
    bounds = (f"--cgroup-parent={delegated}", "--memory=64m", "--pids-limit=9")
    id = stranger("run", "-d", "--name=bound", "--network=none", *bounds, image, "sleep", "1000").strip()
    assert Path(f"/sys/fs/cgroup/memory{delegated}/{id}/memory.limit_in_bytes").read_text() == f"{64 * 2**20}\n"
    assert Path(f"/sys/fs/cgroup/pids{delegated}/{id}/pids.max").read_text() == "9\n"
    assert "64MiB" in stranger("stats", "--no-stream", "bound")
    stranger("pause", "bound")
    assert "(Paused)" in stranger("ps")
    stranger("rm", "-f", "bound")


def test_without_subordinate_ids_there_is_one_id(lonely: Stranger, image: str) -> None:
    lonely("pull", image, code=1)
    assert "WARNING: user 'entrepot-lonely' has no subordinate ids" in lonely.errors
    assert "cannot own files here" in lonely.errors
    tree = busybox_tree(lonely.folder / "tree")
    archive = lonely.folder / "tree.tar"
    subprocess.run(["tar", "-C", tree, "--numeric-owner", "-cf", archive, "."], check=True)
    lonely("import", str(archive), "own")
    assert lonely.errors == "", "it is said once"
    shown = lonely(
        "run", "--rm", "--network=none", "own", "sh", "-c", "id -u; cat /proc/self/uid_map; touch /x && echo x"
    )
    assert shown.split() == ["0", "0", str(LONELY), "1", "x"]
    lonely("run", "--rm", "--network=none", "--user=user", "own", "true", code=125)
    assert "user 1000:1000" in lonely.errors
    assert "is not mapped into this user namespace" in lonely.errors
    assert {path.lstat().st_uid for path in lonely.data.rglob("*")} == {LONELY}
