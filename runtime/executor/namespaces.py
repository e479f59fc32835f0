"""Namespaces: which the specification makes new, which it joins by path, and the maps of a user namespace."""

from __future__ import annotations

import os

from runtime.executor.errors import InvalidSpec, StartFailed
from runtime.syscall import namespaces as n
from runtime.syscall.cloning import fork_into
from runtime.syscall.processes import PR_GET_DUMPABLE, PR_SET_DUMPABLE, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KINDS = {
    "user": n.CLONE_NEWUSER,
    "ipc": n.CLONE_NEWIPC,
    "uts": n.CLONE_NEWUTS,
    "network": n.CLONE_NEWNET,
    "pid": n.CLONE_NEWPID,
    "cgroup": n.CLONE_NEWCGROUP,
    "time": n.CLONE_NEWTIME,
    "mount": n.CLONE_NEWNS,
}
FILES = {"network": "net", "mount": "mnt"}


class Namespaces:
    """The namespaces of a container: flags to make new, descriptors to join, in the order to join them."""

    def __init__(self, linux: dict[str, Any]) -> None:
        self.new = 0
        self.paths: dict[str, str] = {}
        for each in linux.get("namespaces") or []:
            kind, path = str(each.get("type")), str(each.get("path") or "")
            if kind not in KINDS:
                raise InvalidSpec(f"unknown namespace {kind!r}")
            if self.new & KINDS[kind] or kind in self.paths:
                raise InvalidSpec(f"duplicate namespace {kind!r}")
            if path:
                self.paths[kind] = path
            else:
                self.new |= KINDS[kind]

    def has(self, kind: str) -> bool:
        """Whether the container has one that is not the host's."""
        return bool(self.new & KINDS[kind]) or kind in self.paths

    def is_new(self, kind: str) -> bool:
        """Whether it is made for this container."""
        return bool(self.new & KINDS[kind])

    def open(self) -> dict[str, int]:
        """Descriptors of those to join. Raise OSError."""
        return {kind: os.open(self.paths[kind], os.O_RDONLY | os.O_CLOEXEC) for kind in KINDS if kind in self.paths}


def join(opened: dict[str, int]) -> None:
    """Join namespaces: those that are the caller's to join, the user's, and then those that only its root may."""
    left = dict(opened)
    if "user" in left:
        for kind, descriptor in opened.items():
            if kind != "user" and _joins(descriptor, kind):
                os.close(left.pop(kind))
    for kind, descriptor in left.items():
        try:
            n.setns(descriptor, KINDS[kind])
        except OSError as error:
            raise StartFailed(f"cannot join the {kind} namespace: {os.strerror(error.errno or 0).lower()}") from None
        os.close(descriptor)


def _joins(descriptor: int, kind: str) -> bool:
    try:
        n.setns(descriptor, KINDS[kind])
    except OSError:
        return False
    return True


def fork_beside(init: int, proc: int, group: str) -> int:
    """Fork into the PID namespace of the process behind a pidfd, and into a group's directory, as `fork_into` does.

    Nobody in the container must be able to look into the child, not even before it has closed itself (CVE-2019-5736):
    so it is forked off a process that is closed.
    """
    own = os.open("self/ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    open_before = prctl(PR_GET_DUMPABLE) == 1
    prctl(PR_SET_DUMPABLE, 0)
    child = -1
    try:
        n.setns(init, n.CLONE_NEWPID)  # which is for children; we stay where we are
        child = fork_into(0, group)
    finally:
        if child:
            n.setns(own, n.CLONE_NEWPID)
            prctl(PR_SET_DUMPABLE, int(open_before))
        os.close(own)
    return child


def write_maps(pid: int, linux: dict[str, Any]) -> None:
    """Map the ids of a process's new user namespace: by root directly, by others with newuidmap where it is needed.

    Raise StartFailed.
    """
    groups = linux.get("gidMappings") or []
    users = linux.get("uidMappings") or []
    if os.geteuid() == 0:
        _write(f"/proc/{pid}/uid_map", users)
        _write(f"/proc/{pid}/gid_map", groups)
        return
    if _only_own(users, os.geteuid()) and _only_own(groups, os.getegid()):
        _put(f"/proc/{pid}/setgroups", "deny")
        _write(f"/proc/{pid}/uid_map", users)
        _write(f"/proc/{pid}/gid_map", groups)
        return
    _by_program("newuidmap", pid, users)
    _by_program("newgidmap", pid, groups)


def _only_own(mappings: list[dict[str, Any]], own: int) -> bool:
    return len(mappings) == 1 and mappings[0]["hostID"] == own and mappings[0]["size"] == 1


def _lines(mappings: list[dict[str, Any]]) -> list[list[str]]:
    return [[str(each["containerID"]), str(each["hostID"]), str(each["size"])] for each in mappings]


def _write(path: str, mappings: list[dict[str, Any]]) -> None:
    _put(path, "".join(" ".join(line) + "\n" for line in _lines(mappings)))


def _put(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    except OSError as error:
        raise StartFailed(f"cannot write {text.strip()!r} to {path}: {os.strerror(error.errno or 0).lower()}") from None
    finally:
        os.close(descriptor)


def _by_program(name: str, pid: int, mappings: list[dict[str, Any]]) -> None:
    words = [name, str(pid), *(word for line in _lines(mappings) for word in line)]
    try:
        child = os.posix_spawnp(name, words, os.environ)
    except FileNotFoundError:
        raise StartFailed(f"mapping these ids needs {name}; install uidmap, or map only your own id") from None
    if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise StartFailed(f"{name} refused the mapping (status {status}); see /etc/subuid and /etc/subgid")
