"""Namespaces that are joined or special: by path, of time, of users without root; and seccomp that asks somebody."""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest

from tests.runtime.executor.bundles import MAIN, Bundle, Runtime

STRANGER = 1234567
# Everything is loaded before the privileges are given up: a stranger may not be able to read this Python's library.
AS_A_STRANGER = f"""
import os, sys
sys.path.insert(0, {str(MAIN.parents[2])!r})
import runtime.executor.program as program, runtime.executor.verbs.run, runtime.cgroups.v1, ctypes
os.setgroups([]); os.setresgid({STRANGER}, {STRANGER}, {STRANGER}); os.setresuid({STRANGER}, {STRANGER}, {STRANGER})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
program.main(sys.argv[1:])
"""
LOOK = "id -u; cat /proc/self/uid_map /proc/self/setgroups; stat -c %u:%g /bin/busybox; hostname; touch /made"


def namespaces(config: dict[str, Any], **changes: str) -> None:
    for each in config["linux"]["namespaces"]:
        if each["type"] in changes:
            each["path"] = changes.pop(each["type"])
    config["linux"]["namespaces"] += [{"type": kind, "path": path} for kind, path in changes.items()]


@pytest.mark.parametrize("kinds", [("network",), ("network", "ipc", "uts"), ("pid", "network")])
def test_namespaces_of_another_are_joined(bundle: Bundle, ours: Runtime, kinds: tuple[str, ...]) -> None:
    files = {"network": "net"}
    with subprocess.Popen(["unshare", "-nipuf", "sh", "-c", "echo; read x"], stdin=-1, stdout=-1) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        (child,) = Path(f"/proc/{other.pid}/task/{other.pid}/children").read_text().split()
        paths = {kind: f"/proc/{child}/ns/{files.get(kind, kind)}" for kind in kinds}
        script = "; ".join(f"readlink /proc/self/ns/{files.get(kind, kind)}" for kind in kinds)

        def change(config: dict[str, Any]) -> None:
            namespaces(config, **paths)
            config.pop("hostname")

        bundle.write(change, args=["sh", "-c", script])
        assert ours.ok("run", "-b", bundle.directory, "box").split() == [os.readlink(path) for path in paths.values()]
        other.stdin.close()


def test_users_of_its_own(bundle: Bundle, ours: Runtime) -> None:
    """By root: ids mapped, the host's devices bound, because a user namespace may not make any."""

    def change(config: dict[str, Any]) -> None:
        config["linux"]["namespaces"].append({"type": "user"})
        mapping = [{"containerID": 0, "hostID": 0, "size": 65536}]
        config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = mapping

    script = "id -u; cat /proc/self/uid_map; stat -c %t:%T /dev/null /dev/urandom; grep CapEff /proc/self/status"
    bundle.write(change, args=["sh", "-c", script])
    lines = ours.ok("run", "-b", bundle.directory, "box").splitlines()
    assert [line.split() for line in lines[:2]] == [["0"], ["0", "0", "65536"]]
    assert lines[2:] == ["1:3", "1:9", "CapEff:\t0000000020000421"]


def test_a_clock_of_its_own(bundle: Bundle, ours: Runtime) -> None:
    def change(config: dict[str, Any]) -> None:
        config["linux"]["namespaces"].append({"type": "time"})
        config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000}}

    bundle.write(change, args=["cat", "/proc/uptime"])
    assert float(ours.ok("run", "-b", bundle.directory, "box").split()[0]) > 1000000


def rootless(config: dict[str, Any], size: int) -> None:
    config["linux"]["namespaces"] = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "user")]
    one = [{"containerID": 0, "hostID": STRANGER, "size": 1}]
    more = [{"containerID": 1, "hostID": 2000000, "size": size - 1}] if size > 1 else []
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = one + more
    del config["linux"]["resources"], config["linux"]["cgroupsPath"], config["process"]["oomScoreAdj"]
    kept = [each for each in config["mounts"] if each["type"] not in ("cgroup", "sysfs")]
    for mount in kept:
        mount["options"] = [each for each in mount.get("options", []) if each != "gid=5"]
    config["mounts"] = kept


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with TemporaryDirectory(prefix="entrepot-oci", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("size", [1, 1000])
def test_without_root(public: Path, size: int) -> None:
    """With one id mapped directly, with more by newuidmap, whose files are put in place for this test alone."""
    bundle = Bundle(public / "bundle", "")
    bundle.write(lambda config: rootless(config, size), args=["sh", "-c", LOOK])
    for path in (*bundle.directory.rglob("*"), bundle.directory):
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    root = public / "states"
    root.mkdir()
    os.chown(root, STRANGER, STRANGER)
    (public / "passwd").write_text(Path("/etc/passwd").read_text() + f"stranger:x:{STRANGER}:{STRANGER}::/:/bin/sh\n")
    (public / "sub").write_text("stranger:2000000:65536\n")
    for each in ("passwd", "sub"):
        (public / each).chmod(0o644)
    script = (
        f"mount --bind {public}/passwd /etc/passwd && mount --bind {public}/sub /etc/subuid && "
        f'mount --bind {public}/sub /etc/subgid && exec "$0" "$@"'
    )
    program = [sys.executable, "-I", "-S", "-c", AS_A_STRANGER, "--root", str(root)]
    command = ["unshare", "--mount", "sh", "-c", script, *program, "run", "-b", str(bundle.directory), "box"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    mapped = [f"0 {STRANGER} 1", *(["1 2000000 999"] if size > 1 else [])]
    assert lines == ["0", *mapped, "deny" if size == 1 else "allow", "0:0", "inside"]
    assert (bundle.rootfs / "made").stat().st_uid == STRANGER


def test_an_agent_is_asked_about_calls(bundle: Bundle, ours: Runtime, tmp_path: Path) -> None:
    """SCMP_ACT_NOTIFY: the listener's descriptor comes with the state; what the agent answers is the call's result."""
    path = tmp_path / "agent"

    def change(config: dict[str, Any]) -> None:
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": str(path),
            "listenerMetadata": "meta",
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
        }

    (bundle.rootfs / "bin/mkdir").symlink_to("busybox")
    bundle.write(change, args=["mkdir", "/asked"])
    told: list[dict[str, Any]] = []

    def agent(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            payload, (descriptor,), _, _ = socket.recv_fds(connection, 65536, 1)
        told.append(json.loads(payload))
        request = bytearray(80)
        fcntl.ioctl(descriptor, 0xC0502100, request)
        (identity,) = struct.unpack_from("Q", request)
        fcntl.ioctl(descriptor, 0xC0182101, struct.pack("QqiI", identity, 0, -122, 0))
        os.close(descriptor)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = Thread(target=agent, args=(listener,))
        thread.start()
        done = ours("run", "-b", bundle.directory, "box")
        thread.join(10)
    assert "Quota exceeded" in done.stderr or "quota exceeded" in done.stderr
    assert (told[0]["fds"], told[0]["metadata"], told[0]["state"]["id"]) == (["seccompFd"], "meta", "box")
