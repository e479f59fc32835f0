"""The namespaces of a container (runtime-spec, config-linux.md "Namespaces")."""

from typing import Any

from runtime.bundle.container import HostConfig
from runtime.bundle.errors import Conflict
from runtime.bundle.given import Given, IdMap
from runtime.bundle.grammar import mode
from runtime.bundle.host import Host

Made = dict[str, Any]


def make(host_config: HostConfig, given: Given, host: Host) -> list[Made]:
    """Those the container has of its own, and, with a path, those it joins; the host's are left out."""
    made: list[Made] = [{"type": "mount"}]
    if host_config.network_mode != "host":
        made.append(_one("network", host_config.network_mode, given.network_namespace))
    if host_config.uts_mode != "host":
        made.append({"type": "uts"})
    for kind, asked, path in (
        ("pid", host_config.pid_mode, given.pid_namespace),
        ("ipc", host_config.ipc_mode, given.ipc_namespace),
    ):
        if asked != "host":
            made.append(_one(kind, asked, path))
    if has_cgroup_namespace(host_config, host):
        made.append({"type": "cgroup"})
    if host.time_namespaces:
        made.append({"type": "time"})
    if given.remapped or given.user_namespace:
        made.append(_one("user", "", given.user_namespace))
    return made


def has_cgroup_namespace(host_config: HostConfig, host: Host) -> bool:
    """Private where the kernel's one tree is v2, the host's otherwise, unless it was said."""
    asked = host_config.cgroupns_mode or ("private" if host.cgroup_version == 2 else "host")
    return asked == "private"


def mappings(maps: tuple[IdMap, ...]) -> list[dict[str, int]]:
    """Id maps in the spelling of the spec."""
    return [{"containerID": each.container, "hostID": each.host, "size": each.size} for each in maps]


def _one(kind: str, asked: str, path: str) -> Made:
    if mode.joined(asked) and not path:
        raise Conflict(f"cannot join the {kind} namespace of {mode.joined(asked)}: it is not running")
    return {"type": kind, "path": path} if path else {"type": kind}
