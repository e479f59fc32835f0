"""What `spec` must know of this host, and the only file of the room that looks at it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from runtime.bundle.errors import Conflict

OPTIONAL_SYSCTLS: Final = ("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start")
MOST_DEVICES: Final = 4096
_ALL: Final = 2**32 - 1
_CPUS: Final = "/sys/devices/system/cpu"
_CGROUPS: Final = "/sys/fs/cgroup"
_NOT_DEVICES: Final = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"})
_GO_NAMES: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "loongarch64": "loong64",
    "mips64": "mips64le",
}


class DeviceNode(msgspec.Struct, frozen=True, kw_only=True):
    """A device file. type is c, b, or p for a FIFO."""

    path: str
    type: str
    major: int
    minor: int
    mode: int
    uid: int = 0
    gid: int = 0


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A host. architecture is Go's name of it; kernel its version, (6, 1)."""

    hostname: str = "localhost"
    kernel: tuple[int, int] = (6, 1)
    architecture: str = "amd64"
    cgroup_version: int = 2
    cpus: frozenset[int] = frozenset({0})
    capabilities: int = 2**41 - 1
    """Those that can be given, as the kernel's bits."""
    sysctls: tuple[str, ...] = OPTIONAL_SYSCTLS
    masked_paths: tuple[str, ...] = ()
    """Paths of this machine that are hidden besides docker's: what tells how hot its CPUs are."""
    time_namespaces: bool = False
    """Whether a container gets one: the kernel must have them and the OCI runtime must know them."""
    recursive_read_only: bool = False
    """Whether a bind is read-only with all that is mounted below it; the OCI runtime must know `rro`."""
    rootless: bool = False
    """Whether this process is not root on the host, or only that of a user namespace."""
    cgroups: bool = True
    """Whether it may make control groups where all of them are."""
    groups: int = 2**32 - 1
    """Group ids that this process has, from 0 on."""


def read(*, time_namespaces: bool = False, recursive_read_only: bool = False) -> Host:
    """Look at this host; what its OCI runtime knows is the caller's to say, `features` tells it."""
    rootless = os.geteuid() != 0 or not _is_whole("uid_map")
    machine = os.uname()
    major, minor = [*machine.release.split("."), "0"][:2]
    kernel = (int(major), int("".join(letter for letter in minor if letter.isdigit()) or "0"))
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return Host(
        hostname=machine.nodename,
        kernel=kernel,
        architecture=_GO_NAMES.get(machine.machine, machine.machine),
        cgroup_version=2 if unified else 1,
        cpus=frozenset(os.sched_getaffinity(0)) | frozenset(range(os.cpu_count() or 1)),
        capabilities=host_capabilities(),
        sysctls=tuple(name for name in OPTIONAL_SYSCTLS if Path("/proc/sys", *name.split(".")).exists()),
        masked_paths=tuple(_throttles()),
        time_namespaces=time_namespaces and Path("/proc/self/ns/time").exists(),
        recursive_read_only=recursive_read_only and kernel >= (5, 12),
        rootless=rootless,
        cgroups=not rootless or os.access(_CGROUPS if unified else f"{_CGROUPS}/memory", os.W_OK),
        groups=_groups() if rootless else _ALL,
    )


def _throttles() -> Iterator[str]:
    """What tells how hot the CPUs are."""
    if os.path.isdir(_CPUS):
        for name in sorted(os.listdir(_CPUS)):
            path = f"{_CPUS}/{name}/thermal_throttle"
            if name.startswith("cpu") and name[3:].isdigit() and os.path.isdir(path):
                yield path


def _is_whole(name: str) -> bool:
    return Path("/proc/self", name).read_text(encoding="ascii").split() == ["0", "0", str(_ALL)]


def _groups() -> int:
    """Those from 0 on, without a gap."""
    count = 0
    text = Path("/proc/self/gid_map").read_text(encoding="ascii")
    for first, _, size in sorted([int(word) for word in line.split()] for line in text.splitlines()):
        if first > count:
            break
        count = first + size
    return count


def host_capabilities() -> int:
    """All of the kernel's for who makes a user namespace, in which all are had; else those of this process."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    if os.geteuid() != 0:
        return int(2 ** (last + 1)) - 1
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("\nCapEff:")[2].split(maxsplit=1)[0], 16)


def device_nodes(path: str) -> tuple[DeviceNode, ...]:
    """The device at a path, or all below a folder; links are followed once. Raises Conflict when there is none."""
    real = os.path.realpath(path)
    try:
        found = _node(real, os.stat(real))
        if found is None and os.path.isdir(real):
            nodes = tuple(_below(real))
            if nodes:
                return tuple(msgspec.structs.replace(node, path=path + node.path.removeprefix(real)) for node in nodes)
    except OSError as error:
        raise Conflict(
            f"error gathering device information while adding custom device {path!r}: {error.strerror}"
        ) from None
    if found is None:
        raise Conflict(f"error gathering device information while adding custom device {path!r}: not a device node")
    return (msgspec.structs.replace(found, path=path),)


def all_devices() -> tuple[DeviceNode, ...]:
    """Every device below /dev, for a privileged container."""
    return tuple(node for node in _below("/dev") if node.path != "/dev/console")


def _below(folder: str) -> Iterator[DeviceNode]:
    seen = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_DEVICES)
        for name in sorted(names):
            path = os.path.join(parent, name)
            try:
                node = _node(path, os.lstat(path))
            except OSError:
                continue
            if node is not None:
                seen += 1
                if seen > MOST_DEVICES:
                    raise Conflict(f"{folder} has more than {MOST_DEVICES} devices")
                yield node


def _node(path: str, found: os.stat_result) -> DeviceNode | None:
    kinds = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}
    kind = kinds.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    return DeviceNode(
        path=path,
        type=kind,
        major=os.major(found.st_rdev),
        minor=os.minor(found.st_rdev),
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
    )
