"""What cannot be together, or not on this host: docker's rules, in docker's words."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from runtime.bundle import resources
from runtime.bundle.container import ContainerConfig, HostConfig, NetworkingConfig, Request
from runtime.bundle.errors import Conflict
from runtime.bundle.grammar import cpus, mode, security, sysctl
from runtime.bundle.host import Host
from runtime.bundle.mount_points import collect

LEAST_MEMORY: Final = 6 * 2**20
_hostname = re.compile(r"(?!-)[a-zA-Z0-9._-]{1,64}").fullmatch


def check(request: Request, host: Host) -> list[str]:
    """Raise Conflict for what cannot be, ValueInvalid for what is no value; return what will have no effect.

    The request may be one before or after the image's word was merged in.
    """
    config, host_config = request.config, request.host_config
    _check_modes(host_config)
    _check_memory(host_config)
    _check_cpu(host_config, host)
    _check_ranges(config, host_config)
    _check_namespaces(config, host_config)
    _check_rootless(host_config, host)
    _check_networks(host_config, request.networking_config)
    _check_health(config)
    security.read(host_config.security_opt)
    collect(config, host_config)
    return list(_warnings(host_config, host))


def _refuse(wrong: bool, text: str) -> None:
    if wrong:
        raise Conflict(text)


def _check_modes(host_config: HostConfig) -> None:
    mode.read("pid", host_config.pid_mode)
    mode.read("ipc", host_config.ipc_mode)
    mode.read("uts", host_config.uts_mode)
    mode.read("userns", host_config.userns_mode)
    mode.read("cgroupns", host_config.cgroupns_mode)
    mode.read_network(host_config.network_mode)


def _check_memory(asked: HostConfig) -> None:
    memory, swap, reservation = asked.memory, asked.memory_swap, asked.memory_reservation
    _refuse(0 < memory < LEAST_MEMORY, "minimum memory limit allowed is 6MB")
    _refuse(memory > 0 and 0 < swap < memory, "minimum memoryswap limit should be larger than memory limit, see usage")
    _refuse(memory == 0 and swap > 0, "you should always set the memory limit when using memoryswap limit, see usage")
    _refuse(0 < reservation < LEAST_MEMORY, "minimum memory reservation allowed is 6MB")
    _refuse(0 < memory < reservation, "minimum memory limit can not be less than memory reservation limit, see usage")
    swappiness = asked.memory_swappiness
    _refuse(
        swappiness is not None and not 0 <= swappiness <= 100,
        f"invalid value: {swappiness}, valid memory swappiness range is 0-100",
    )


def _check_cpu(asked: HostConfig, host: Host) -> None:
    nano, period, quota = asked.nano_cpus, asked.cpu_period, asked.cpu_quota
    _refuse(bool(nano and period), "conflicting options: nano CPUs and CPU period cannot both be set")
    _refuse(bool(nano and quota), "conflicting options: nano CPUs and CPU quota cannot both be set")
    count = len(host.cpus)
    _refuse(
        nano < 0 or nano > count * cpus.NANO,
        f"range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available",
    )
    _refuse(
        bool(period) and not 1000 <= period <= 1_000_000,
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    )
    _refuse(0 < quota < 1000, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
    _refuse(asked.cpu_shares < 0, f"invalid CPU shares ({asked.cpu_shares}): value must be a positive integer")
    if asked.cpuset_cpus:
        _refuse(
            not cpus.read_set(asked.cpuset_cpus) <= host.cpus,
            f"requested CPUs are not available - requested {asked.cpuset_cpus}, "
            f"available: {','.join(map(str, sorted(host.cpus)))}",
        )
    if asked.cpuset_mems:
        cpus.read_set(asked.cpuset_mems)


def _check_rootless(asked: HostConfig, host: Host) -> None:
    bounds = resources.make(asked, host.cgroup_version)
    _refuse(
        not host.cgroups and not asked.cgroup_parent and bool(bounds or asked.device_cgroup_rules),
        f"cannot bound {', '.join(bounds) or 'devices'} without a control group: run as root, or name one that was "
        "delegated to you with --cgroup-parent",
    )
    _refuse(
        host.rootless and asked.userns_mode.startswith("remap"),
        "--userns=remap is root's: without root all users of a container are remapped already",
    )


def _check_ranges(config: ContainerConfig, asked: HostConfig) -> None:
    weight, score = asked.blkio_weight, asked.oom_score_adj
    _refuse(bool(weight) and not 10 <= weight <= 1000, "range of blkio weight is from 10 to 1000")
    _refuse(not -1000 <= score <= 1000, f"invalid value {score}, range for oom score adj is [-1000, 1000]")
    _refuse(asked.shm_size < 0, "SHM size can not be less than 0")
    name = config.hostname
    _refuse(
        bool(name) and _hostname(name) is None,
        f"invalid hostname {name!r}: use letters, digits, '-', '.' and '_', at most 64 characters",
    )
    _refuse(
        bool(config.working_dir) and not config.working_dir.startswith("/"),
        f"the working directory {config.working_dir!r} is invalid, it needs to be an absolute path",
    )
    _refuse(
        asked.auto_remove and asked.restart_policy.name not in ("", "no"),
        "conflicting options: cannot specify both --restart and --rm",
    )


def _check_namespaces(config: ContainerConfig, asked: HostConfig) -> None:
    remapped = asked.userns_mode.startswith("remap")
    _refuse(
        remapped and asked.privileged,
        "privileged mode is incompatible with user namespaces, "
        "you must run the container in the host namespace when running privileged mode",
    )
    _refuse(
        remapped and asked.network_mode == "host",
        "cannot share the host's network namespace when user namespaces are enabled",
    )
    _refuse(
        remapped and asked.pid_mode == "host", "cannot share the host PID namespace when user namespaces are enabled"
    )
    _refuse(
        remapped and asked.ipc_mode == "host", "cannot share the host IPC namespace when user namespaces are enabled"
    )
    _refuse(bool(config.hostname) and asked.uts_mode == "host", "conflicting options: hostname and the UTS mode")
    ipc_is_ours = asked.ipc_mode != "host" and not mode.joined(asked.ipc_mode)
    for name in asked.sysctls:
        sysctl.read(f"{name}=")
        _refuse(
            sysctl.is_net(name) and not mode.is_private(asked.network_mode),
            f"sysctl {name!r} not allowed in the network namespace of the host or of another container",
        )
        _refuse(
            sysctl.is_ipc(name) and not ipc_is_ours,
            f"sysctl {name!r} not allowed in the ipc namespace of the host or of another container",
        )


_WITH_A_CONTAINERS_NETWORK: Final[tuple[tuple[str, Callable[[ContainerConfig, HostConfig], object]], ...]] = (
    ("hostname and the network mode", lambda config, _: config.hostname),
    ("dns and the network mode", lambda _, asked: asked.dns or asked.dns_search or asked.dns_options),
    ("custom host-to-IP mapping and the network mode", lambda _, asked: asked.extra_hosts),
    (
        "port publishing and the container type network mode",
        lambda _, asked: asked.port_bindings or asked.publish_all_ports,
    ),
)


def check_joined_network(config: ContainerConfig, host_config: HostConfig) -> None:
    """Raise Conflict for what another container's network settles; `config` is what was asked for, before the merge."""
    if mode.joined(host_config.network_mode):
        for text, asked in _WITH_A_CONTAINERS_NETWORK:
            _refuse(bool(asked(config, host_config)), f"conflicting options: {text}")
        _refuse(bool(config.exposed_ports), "conflicting options: port exposing and the container type network mode")


def _check_networks(host_config: HostConfig, networking: NetworkingConfig) -> None:
    for name, endpoint in networking.endpoints_config.items():
        _refuse(
            bool(endpoint.mac_address) and (not mode.is_private(name) or name == "none"),
            "conflicting options: mac-address and the network mode",
        )
    _check_links(host_config)
    # The default network may have a name of its own beside its mode.
    names = {"bridge" if name in ("", "default") else name for name in _names(host_config, networking)}
    _refuse(
        len(names) > 1 and not all(map(mode.is_user_defined, names)),
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    )
    for name, endpoint in networking.endpoints_config.items():
        if not mode.is_user_defined(name):
            _refuse(bool(endpoint.aliases), "network-scoped aliases are only supported for user-defined networks")
            _refuse(
                bool(endpoint.ipv4_address),
                "user specified IP address is supported on user defined networks only",
            )


def _check_links(asked: HostConfig) -> None:
    if not asked.links:
        return
    undefined = "type networking can't be used with links. This would result in undefined behavior"
    kind = "host" if asked.network_mode == "host" else "container" if mode.joined(asked.network_mode) else ""
    _refuse(bool(kind), f"conflicting options: {kind} {undefined}")
    _refuse(
        asked.network_mode not in ("", "default", mode.BRIDGE),
        f"links are for the default network; on {asked.network_mode} use --network-alias for the other container",
    )


def _names(host_config: HostConfig, networking: NetworkingConfig) -> tuple[str, ...]:
    return (host_config.network_mode, *networking.endpoints_config)


def _check_health(config: ContainerConfig) -> None:
    health = config.healthcheck
    if health is None:
        return
    for name in ("interval", "timeout", "start_period", "start_interval"):
        time = getattr(health, name)
        _refuse(time < 0 or 0 < time < 10**6, f"{name.replace('_', '-')} in healthcheck cannot be less than 1ms")
    _refuse(health.retries < 0, "retries in healthcheck cannot be negative")


def _warnings(asked: HostConfig, host: Host) -> Iterable[str]:
    if asked.network_mode == "host" and (asked.port_bindings or asked.publish_all_ports):
        yield "published ports are discarded when using host network mode"
    if asked.oom_kill_disable and not asked.memory:
        yield (
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources"
        )
    if asked.oom_kill_disable and host.cgroup_version == 2:
        yield "cgroup v2 does not support OomKillDisable; it is discarded"
    if asked.memory_swappiness is not None and host.cgroup_version == 2:
        yield "cgroup v2 does not support memory swappiness; it is discarded"
