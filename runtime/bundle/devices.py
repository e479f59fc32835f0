"""Devices a container gets and may use (runtime-spec, config-linux.md "Devices" and "Allowed Device list")."""

from collections.abc import Iterable
from typing import Any, Final

from runtime.bundle.container import Device, HostConfig
from runtime.bundle.errors import Conflict
from runtime.bundle.given import Given
from runtime.bundle.grammar import device
from runtime.bundle.host import DeviceNode, Host

Made = dict[str, Any]

_ALWAYS: Final = frozenset(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx"))
"""What the OCI runtime puts there anyhow."""

# Nothing, then: zero, null, urandom, random, tty, console; and fuse not, though it is often allowed elsewhere.
_RULES: Final = (
    (True, 1, 5),
    (True, 1, 3),
    (True, 1, 9),
    (True, 1, 8),
    (True, 5, 0),
    (True, 5, 1),
    (False, 10, 229),
)


def make(host_config: HostConfig, given: Given, host: Host) -> tuple[list[Made], list[Made]]:
    """The device files to make, and the rules of the device cgroup; who may make none has them bound (`bound`)."""
    nodes, rules = _made(host_config, given)
    return ([] if given.remapped or host.rootless else nodes), rules


def bound(host_config: HostConfig, given: Given, host: Host) -> list[tuple[str, str]]:
    """Devices of the host, and where in the container, for a user namespace, in which none can be made."""
    if not (given.remapped or host.rootless):
        return []
    pairs = [(node.path, path) for each in host_config.devices for node, path in _found(each, given)]
    if host_config.privileged:
        pairs += [(node.path, node.path) for node in given.all_devices if node.path not in _ALWAYS]
    return list({path: (source, path) for source, path in pairs}.values())


def _made(host_config: HostConfig, given: Given) -> tuple[list[Made], list[Made]]:
    if host_config.privileged:
        mapped = [each for each in host_config.devices if each.path_on_host != each.path_in_container]
        nodes = [_node(node, node.path) for node in given.all_devices]
        nodes += [_node(*found) for each in mapped for found in _found(each, given)]
        return nodes, [{"allow": True, "access": "rwm"}]
    found = [(each, node, path) for each in host_config.devices for node, path in _found(each, given)]
    rules: list[Made] = [{"allow": False, "access": "rwm"}]
    rules += [_rule(allow, "c", major, minor, "rwm") for allow, major, minor in _RULES]
    rules += [_rule(True, node.type, node.major, node.minor, each.cgroup_permissions) for each, node, _ in found]
    rules += [_rule(True, *device.read_rule(text)) for text in host_config.device_cgroup_rules]
    return [_node(node, path) for _, node, path in found], rules


def _found(each: Device, given: Given) -> Iterable[tuple[DeviceNode, str]]:
    """The nodes of a device and where they stand in the container: a folder keeps its shape."""
    nodes = given.devices.get(each.path_on_host)
    if not nodes:
        raise Conflict(f"device {each.path_on_host!r} was not found on this host")
    for node in nodes:
        below = node.path.removeprefix(each.path_on_host) if len(nodes) > 1 or node.path != each.path_on_host else ""
        yield node, each.path_in_container + (below if below.startswith("/") else "")


def _node(node: DeviceNode, path: str) -> Made:
    return {
        "path": path,
        "type": node.type,
        "major": node.major,
        "minor": node.minor,
        "fileMode": node.mode,
        "uid": node.uid,
        "gid": node.gid,
    }


def _rule(allow: bool, kind: str, major: int | None, minor: int | None, access: str) -> Made:
    made: Made = {"allow": allow, "type": kind, "access": access}
    for name, number in (("major", major), ("minor", minor)):
        if number is not None:
            made[name] = number
    return made
