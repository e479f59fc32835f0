"""spec: write a config.json to begin with."""

from __future__ import annotations

import os

from runtime.executor.arguments import SWITCH, VALUE
from runtime.executor.documents import pretty
from runtime.executor.errors import ExecutorError
from runtime.executor.version import SPEC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.program import Call

FLAGS = {"bundle": VALUE, "rootless": SWITCH}
SHORT = {"b": "bundle"}
STOP = None
_CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
_MASKED = ["acpi", "asound", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi"]
_STRICT = ["nosuid", "noexec", "nodev"]


def run(call: Call) -> int:
    """Write it. Raise ExecutorError if there is one."""
    path = os.path.join(call.given.text("bundle") or ".", "config.json")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise ExecutorError("file config.json exists. Remove it first") from None
    try:
        os.write(descriptor, (pretty(example(rootless=call.given.has("rootless"))) + "\n").encode())
    finally:
        os.close(descriptor)
    return 0


def example(*, rootless: bool) -> dict[str, Any]:
    """A container with a shell on a terminal; without root, with a user namespace that maps only the caller."""
    namespaces = ["pid", "ipc", "uts", "mount", "cgroup", "user" if rootless else "network"]
    linux: dict[str, Any] = {
        "namespaces": [{"type": kind} for kind in namespaces],
        "maskedPaths": [*(f"/proc/{name}" for name in _MASKED), "/sys/firmware"],
        "readonlyPaths": [f"/proc/{name}" for name in ("bus", "fs", "irq", "sys", "sysrq-trigger")],
    }
    if rootless:
        linux["uidMappings"] = [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
        linux["gidMappings"] = [{"containerID": 0, "hostID": os.getegid(), "size": 1}]
    else:
        linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    return {
        "ociVersion": SPEC,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), _CAPABILITIES),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "entrepot",
        "mounts": _mounts(rootless=rootless),
        "linux": linux,
    }


def _mounts(*, rootless: bool) -> list[dict[str, Any]]:
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", *([] if rootless else ["gid=5"])]
    found: list[tuple[str, str, str, list[str]]] = [
        ("/proc", "proc", "proc", []),
        ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        ("/dev/pts", "devpts", "devpts", terminals),
        ("/dev/shm", "tmpfs", "shm", [*_STRICT, "mode=1777", "size=65536k"]),  # noqa: S108 # the container's
        ("/dev/mqueue", "mqueue", "mqueue", _STRICT),
    ]
    if rootless:
        found.append(("/sys", "none", "/sys", ["rbind", *_STRICT, "ro"]))
    else:
        found.append(("/sys", "sysfs", "sysfs", [*_STRICT, "ro"]))
        found.append(("/sys/fs/cgroup", "cgroup", "cgroup", [*_STRICT, "relatime", "ro"]))
    return [{"destination": where, "type": kind, "source": what, "options": how} for where, kind, what, how in found]
