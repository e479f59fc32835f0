"""The mounts of a spec (runtime-spec, config.md "Mounts"): docker's defaults, and what was asked for in their place."""

from collections.abc import Sequence
from typing import Any, Final

from runtime.bundle import devices
from runtime.bundle.container import HostConfig
from runtime.bundle.given import Given
from runtime.bundle.grammar import mode, tmpfs
from runtime.bundle.host import Host
from runtime.bundle.mount_point import MountPoint
from runtime.bundle.mount_points import in_order

INIT: Final = "/sbin/docker-init"
Made = dict[str, Any]

_SHM: Final = "/dev/shm"  # noqa: S108 - a place in the container
_RESTRICTED: Final = ("nosuid", "noexec", "nodev")
_DEFAULTS: Final = (
    ("/proc", "proc", "proc", _RESTRICTED),
    ("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    ("/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")),
    ("/sys", "sysfs", "sysfs", (*_RESTRICTED, "ro")),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ("ro", *_RESTRICTED)),
    ("/dev/mqueue", "mqueue", "mqueue", _RESTRICTED),
    (_SHM, "tmpfs", "shm", (*_RESTRICTED, "mode=1777")),
)
_STAY_WRITABLE: Final = frozenset({"/proc", "/dev", "/dev/pts", _SHM, "/dev/mqueue"})
_TTY_GROUP: Final = 5
_HOST: Final = Host()


def make(host_config: HostConfig, given: Given, read_only: str = "ro", host: Host = _HOST) -> list[Made]:
    """All mounts in the order they are made; `read_only` is the option that makes a bind so, ro or rro."""
    wanted = in_order([*given.mounts, *_of_the_engine(host_config, given)])
    places = {mount.destination for mount in wanted}
    made = [
        _default(default, host_config, given, read_only, host)
        for default in _DEFAULTS
        if default[0] not in places and not ("/dev" in places and default[0].startswith("/dev/"))
    ]
    if host_config.ipc_mode == "none":
        made = [mount for mount in made if mount["destination"] != _SHM]
    if host_config.ipc_mode == "host" and host.rootless:  # the host's queues can only be mounted by who owns them
        made = [mount for mount in made if mount["destination"] != "/dev/mqueue"]
    if has_init(host_config, given):
        made.append(_made(INIT, "bind", given.init, ("bind", "ro")))
    made += [
        _made(path, "bind", source, ("bind", "nosuid", "noexec"))
        for source, path in devices.bound(host_config, given, host)
    ]
    made += [_wanted(mount, read_only) for mount in wanted]
    if host_config.readonly_rootfs:
        _close(made, places)
    if host_config.privileged or given.remapped:
        _open(made, "/sys/fs/cgroup")
    if host_config.privileged:
        _open(made, "/sys")
    return made


def has_init(host_config: HostConfig, given: Given) -> bool:
    """Whether an init of ours becomes process 1: asked for, and not in another's pid namespace."""
    return host_config.init and bool(given.init) and mode.is_private(host_config.pid_mode)


def root_propagation(mounts: Sequence[MountPoint]) -> str:
    """How the root must propagate for mounts that do, empty for as the runtime likes."""
    kinds = {mount.propagation for mount in mounts}
    if kinds & {"shared", "rshared"}:
        return "shared"
    return "rslave" if kinds & {"slave", "rslave"} else ""


def _default(
    default: tuple[str, str, str, Sequence[str]], host_config: HostConfig, given: Given, read_only: str, host: Host
) -> Made:
    destination, kind, source, options = default
    if destination == _SHM:
        options = (*options, f"size={host_config.shm_size}")
    if destination == "/dev/pts" and not _is_mapped(_TTY_GROUP, given, host):
        options = options[:-1]
    if destination == "/sys" and (given.remapped or host.rootless) and has_foreign_network(host_config, given, host):
        # Only who owns the network namespace may mount a sysfs of it; this host's, read only, stands in.
        return _made("/sys", "bind", "/sys", ("rbind", *_RESTRICTED, read_only))
    if destination == "/proc" and host.rootless and host_config.pid_mode == "host":
        # Only who owns the namespace that it shows may mount one: the host's stands in.
        return _made("/proc", "bind", "/proc", ("rbind", *_RESTRICTED))
    return _made(destination, kind, source, options)


def has_foreign_network(host_config: HostConfig, given: Given, host: Host) -> bool:
    """Whether the network namespace is not one that belongs to this container's users."""
    if given.user_namespace or host.rootless:  # the engine has made both, or joined both
        return host_config.network_mode == "host"
    return not mode.is_private(host_config.network_mode) or bool(given.network_namespace)


def _is_mapped(gid: int, given: Given, host: Host) -> bool:
    if not given.remapped:
        return gid < host.groups
    return any(each.container <= gid < each.container + each.size for each in given.gid_maps)


def _of_the_engine(host_config: HostConfig, given: Given) -> list[MountPoint]:
    asked = {mount.destination for mount in given.mounts}
    shm = _SHM if host_config.ipc_mode == "host" else given.shm
    rw = not host_config.readonly_rootfs
    places = {
        "/etc/resolv.conf": given.resolv_conf,
        "/etc/hostname": given.hostname,
        "/etc/hosts": given.hosts,
        _SHM: shm,
    }
    return [
        MountPoint(type="bind", source=source, destination=destination, rw=rw or destination == _SHM)
        for destination, source in places.items()
        if source and destination not in asked
    ]


def _wanted(mount: MountPoint, read_only: str) -> Made:
    if mount.type == "tmpfs":
        return _made(mount.destination, "tmpfs", "tmpfs", tmpfs.merge(mount.tmpfs))
    options = ["bind" if mount.non_recursive else "rbind"]
    if not mount.rw:
        options.append("ro" if mount.non_recursive else read_only)
    if mount.propagation or mount.type == "bind":
        options.append(mount.propagation or "rprivate")
    return _made(mount.destination, "bind", mount.source, options)


def _made(destination: str, kind: str, source: str, options: Sequence[str]) -> Made:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def _close(made: list[Made], asked: set[str]) -> None:
    for mount in made:
        if mount["destination"] not in _STAY_WRITABLE | asked and "ro" not in mount["options"]:
            mount["options"].append("ro")


def _open(made: list[Made], destination: str) -> None:
    for mount in made:
        if mount["destination"] == destination and mount["type"] in ("sysfs", "cgroup"):
            mount["options"] = [option for option in mount["options"] if option != "ro"]
