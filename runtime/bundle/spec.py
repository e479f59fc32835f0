"""The spec of a container: what the OCI runtime is told (runtime-spec 1.2, config.md), with docker's defaults.

The parts stand in files of their own: namespaces, mounts, devices, resources, capabilities, seccomp. What is asked for
must have passed `checks.check` and the image's word be merged in.
"""

from typing import Any, Final

from runtime.bundle import capabilities, devices, mounts, namespaces, resources, seccomp
from runtime.bundle.container import ContainerConfig, HostConfig, Ulimit
from runtime.bundle.errors import Conflict, ProfileInvalid
from runtime.bundle.given import Given
from runtime.bundle.grammar import environment, mode, security
from runtime.bundle.host import Host

VERSION: Final = "1.2.1"
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHORT_ID: Final = 12

MASKED: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READ_ONLY: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_PING: Final = "net.ipv4.ping_group_range"
_SYSCTLS: Final = {
    # Echo sockets and low ports without capabilities: they are the container's own.
    _PING: "0 2147483647",
    "net.ipv4.ip_unprivileged_port_start": "0",
}
_UNLIMITED: Final = 2**64 - 1


def spec(config: ContainerConfig, host_config: HostConfig, given: Given, host: Host) -> dict[str, Any]:
    """The config.json of the bundle. Raises BundleError."""
    if host_config.userns_mode.startswith("remap") and not given.remapped:
        raise Conflict(
            "--userns remap: there are no ids to map to; give the user ranges in /etc/subuid and /etc/subgid"
        )
    made: dict[str, Any] = {
        "ociVersion": VERSION,
        "process": process(config, host_config, given, host),
        "root": {"path": given.root, "readonly": host_config.readonly_rootfs},
        "mounts": mounts.make(host_config, given, "rro" if host.recursive_read_only else "ro", host),
        "linux": _linux(config, host_config, given, host),
    }
    if host_config.uts_mode != "host":
        made["hostname"] = hostname(config, host_config, given, host)
    if given.annotations:
        made["annotations"] = dict(given.annotations)
    if host.rootless:
        _without_root(made, given)
    return made


def process(config: ContainerConfig, host_config: HostConfig, given: Given, host: Host) -> dict[str, Any]:
    """The process of the container; `exec` starts from it too."""
    arguments = [*(config.entrypoint or ()), *(config.cmd or ())]
    if not arguments:
        raise Conflict("no command specified: the image has none, write one behind its name")
    if mounts.has_init(host_config, given):
        arguments = [mounts.INIT, "--", *arguments]
    granted = capabilities.granted(host_config.cap_add, host_config.cap_drop, host_config.privileged, host.capabilities)
    user = given.user
    made: dict[str, Any] = {
        "terminal": config.tty,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": list(user.groups or (user.gid,))},
        "args": arguments,
        "env": list(variables(config, host_config, given, host)),
        "cwd": config.working_dir or "/",
        # None is inheritable (CVE-2022-24769), so none can become ambient.
        "capabilities": {"bounding": granted, "effective": list(granted), "permitted": list(granted)},
        "rlimits": [_rlimit(each) for each in host_config.ulimits],
        "oomScoreAdj": host_config.oom_score_adj,
    }
    if security.read(host_config.security_opt).no_new_privileges:
        made["noNewPrivileges"] = True
    return made


def hostname(config: ContainerConfig, host_config: HostConfig, given: Given, host: Host) -> str:
    """The name the container has for itself: the host's with the host's network, else its short id."""
    shared = "host" in (host_config.network_mode, host_config.uts_mode)
    return config.hostname or (host.hostname if shared else given.id[:SHORT_ID])


def variables(config: ContainerConfig, host_config: HostConfig, given: Given, host: Host) -> tuple[str, ...]:
    """The environment: PATH, HOSTNAME and, on a terminal, TERM; what was asked for; and HOME unless that was."""
    name = hostname(config, host_config, given, host)
    defaults = [f"PATH={PATH}", f"HOSTNAME={name}", *(["TERM=xterm"] if config.tty else [])]
    found = environment.merge(defaults, config.env)
    return found if any(each.startswith("HOME=") for each in found) else (*found, f"HOME={given.user.home}")


def _linux(config: ContainerConfig, host_config: HostConfig, given: Given, host: Host) -> dict[str, Any]:
    nodes, rules = devices.make(host_config, given, host)
    made: dict[str, Any] = {
        "namespaces": namespaces.make(host_config, given, host),
        "devices": nodes,
        "resources": {"devices": rules, **resources.make(host_config, host.cgroup_version)},
        "maskedPaths": [],
        "readonlyPaths": [],
    }
    if not host_config.privileged:
        masked, read_only = host_config.masked_paths, host_config.readonly_paths
        made["maskedPaths"] = list((*MASKED, *host.masked_paths) if masked is None else masked)
        made["readonlyPaths"] = list(READ_ONLY if read_only is None else read_only)
    optional = {
        "sysctl": _sysctls(config, host_config, given, host),
        "cgroupsPath": given.cgroups_path,
        "rootfsPropagation": mounts.root_propagation(given.mounts),
        "seccomp": _seccomp(host_config, host),
        "uidMappings": namespaces.mappings(given.uid_maps),
        "gidMappings": namespaces.mappings(given.gid_maps),
    }
    return {**made, **{name: value for name, value in optional.items() if value}}


def _sysctls(config: ContainerConfig, host_config: HostConfig, given: Given, host: Host) -> dict[str, str]:
    found: dict[str, str] = {}
    if mode.is_private(host_config.network_mode):
        # Which groups may ping cannot be said of all groups where not all are mapped.
        part = given.remapped or host.rootless
        able = {name: value for name, value in _SYSCTLS.items() if not (part and name == _PING)}
        found.update({name: value for name, value in able.items() if name in host.sysctls})
    if config.domainname and host_config.uts_mode != "host":
        found["kernel.domainname"] = config.domainname
    return {**found, **host_config.sysctls}


def _seccomp(host_config: HostConfig, host: Host) -> dict[str, Any] | None:
    asked = security.read(host_config.security_opt).seccomp
    if asked == security.UNCONFINED or (host_config.privileged and asked == security.BUILTIN):
        return None
    if asked != security.BUILTIN and not asked.lstrip().startswith("{"):
        raise ProfileInvalid("a seccomp profile must be given as JSON, or be builtin or unconfined")
    profile = seccomp.default() if asked == security.BUILTIN else seccomp.read(asked.encode())
    granted = capabilities.granted(host_config.cap_add, host_config.cap_drop, host_config.privileged, host.capabilities)
    return seccomp.resolve(profile, frozenset(granted), host.kernel, host.architecture)


def _rlimit(limit: Ulimit) -> dict[str, Any]:
    soft, hard = (number if number >= 0 else _UNLIMITED for number in (limit.soft, limit.hard))
    return {"type": f"RLIMIT_{limit.name.upper()}", "soft": soft, "hard": hard}


def _without_root(made: dict[str, Any], given: Given) -> None:
    """Take away what only root may ask of the kernel: bounds without a cgroup of one's own, and a better oom score."""
    if not given.cgroups_path:
        made["linux"].pop("resources")
    if made["process"]["oomScoreAdj"] <= 0:
        made["process"].pop("oomScoreAdj")
