"""Which hierarchies this host has, and the container's place in them."""

from __future__ import annotations

import os

from runtime.cgroups.errors import CgroupError
from runtime.syscall.files import CGROUP2_MAGIC, filesystem_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from runtime.cgroups.cgroup import Cgroup

ROOT = "/sys/fs/cgroup"


def unified() -> bool:
    """Whether this host has version 2 alone."""
    try:
        descriptor = os.open(ROOT, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return filesystem_type(descriptor) == CGROUP2_MAGIC
    finally:
        os.close(descriptor)


def mounted() -> dict[str, tuple[str, str]]:
    """The mount point and the mounted root of each hierarchy of version 1 by controller, "name=x" for named ones.

    The empty name is version 2 where it is mounted beside version 1.
    """
    found: dict[str, tuple[str, str]] = {}
    for line in _lines("/proc/self/mountinfo"):
        left, _, right = line.partition(" - ")
        kind, _, options = right.partition(" ")
        if kind == "cgroup2":
            found[""] = (left.split(" ")[4], left.split(" ")[3])
        elif kind == "cgroup":
            _, _, _, root, point, *_ = left.split(" ")
            for option in options.partition(" ")[2].split(","):
                if option.startswith("name=") or option in _CONTROLLERS:
                    found.setdefault(option, (point, root))
    return found


_CONTROLLERS = frozenset(
    (
        "cpu",
        "cpuacct",
        "cpuset",
        "memory",
        "devices",
        "freezer",
        "blkio",
        "pids",
        "net_cls",
        "net_prio",
        "perf_event",
        "hugetlb",
        "rdma",
        "misc",
    )
)


def own() -> dict[str, str]:
    """The path of this process's group in each hierarchy by controller; the empty name is version 2."""
    found = {}
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


def place(cgroups_path: str, identity: str) -> str:
    """The path of a container below the root of a hierarchy, absolute or relative to the caller's own group.

    Raise CgroupError for paths that climb.
    """
    path = cgroups_path or identity
    if ".." in path.split("/"):
        raise CgroupError(f"cgroupsPath {path!r} must not contain ..")
    return "/" + "/".join(part for part in path.split("/") if part) if path.startswith("/") else path


def group(cgroups_path: str, identity: str) -> Cgroup:
    """The group of a new container: at `cgroupsPath`, or named as the container.

    A path that is relative is below the caller's own group, and on version 2 beside it, as with runc: there nothing can
    be limited below a group in which processes are.
    """
    if is_systemds(cgroups_path):
        return _scope(cgroups_path)
    path = place(cgroups_path, identity)
    mine = own()
    if unified():
        return _version(2, ROOT, path if path.startswith("/") else _join(os.path.dirname(mine.get("", "/")), path))
    directories = {}
    for controller, (point, root) in mounted().items():
        if path.startswith("/"):
            directories[controller] = point + path
        else:
            inside = mine.get(controller, "/")
            if root != "/" and inside.startswith(root):
                inside = inside[len(root) :] or "/"
            directories[controller] = point + _join(inside, path)
    if not directories:
        raise CgroupError("no control groups are mounted on this host")
    return _version(1, directories)


def group_at(paths: dict[str, str]) -> Cgroup:
    """The group whose directories were recorded."""
    if set(paths) == {""}:
        if paths[""].endswith(".scope"):
            scope: Cgroup = _module("scope").Scope(ROOT, paths[""].removeprefix(ROOT))
            return scope
        return _version(2, ROOT, paths[""].removeprefix(ROOT))
    return _version(1, paths)


def is_systemds(cgroups_path: str) -> bool:
    """Whether it is systemd's way to say it, "slice:prefix:name"."""
    return cgroups_path.count(":") == 2 and "/" not in cgroups_path


def _scope(cgroups_path: str) -> Cgroup:
    if not unified():
        raise CgroupError(f"cgroupsPath {cgroups_path!r} is systemd's, which needs cgroup version 2; use /a/path")
    module = _module("scope")
    made: Cgroup = module.Scope(ROOT, module.place(cgroups_path))
    return made


def _version(number: int, *arguments: object) -> Cgroup:
    """The group of a version."""
    made: Cgroup = _module(f"v{number}").Group(*arguments)
    return made


def _module(name: str) -> ModuleType:
    """A module of this room; those that are not needed are not loaded."""
    return __import__(f"runtime.cgroups.{name}", fromlist=["_"])


def _join(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().splitlines()
