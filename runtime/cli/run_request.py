"""What the options of `run` and `create` ask for, read by the grammars into one request.

Here and nowhere else the files are read that options name, and paths are taken as seen from the working directory.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from runtime.bundle import capabilities, checks, seccomp
from runtime.bundle.container import (
    DEFAULT_SHM_SIZE,
    ContainerConfig,
    Endpoint,
    Healthcheck,
    HostConfig,
    Mount,
    NetworkingConfig,
    Request,
)
from runtime.bundle.errors import BundleError, Conflict, ValueInvalid
from runtime.bundle.grammar import (
    annotation,
    cpus,
    detach_keys,
    device,
    duration,
    environment,
    host,
    link,
    log_option,
    mac,
    mode,
    mount,
    network,
    port,
    restart,
    security,
    signals,
    size,
    sysctl,
    tmpfs,
    ulimit,
    volume,
    volumes_from,
)

Values = Mapping[str, Any]
Read = TypeVar("Read")
_STREAMS: Final = ("stdin", "stdout", "stderr")
_PULL: Final = ("always", "missing", "never")
_TIMES: Final = ("interval", "timeout", "start_period", "start_interval")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and what only the command line is concerned with."""

    request: Request
    name: str = ""
    detach: bool = False
    cidfile: str = ""
    pull: str = "missing"
    platform: str = ""
    quiet: bool = False
    sig_proxy: bool = True
    detach_keys: bytes = detach_keys.DEFAULT


def build(values: Values) -> Asked:
    """Read all values. Raises BundleError, naming the option."""
    pull = values["pull"] or "missing"
    if pull not in _PULL:
        raise ValueInvalid(f"--pull: invalid value {pull!r}; use {', '.join(_PULL)}")
    detach = bool(values.get("detach"))
    if detach and values["attach"]:
        raise Conflict("conflicting options: cannot specify both --attach and --detach")
    config, host_config, networking = _config(values, detach), _host_config(values), _networks(values)
    checks.check_joined_network(config, host_config)
    if host_config.auto_remove and host_config.restart_policy.name != "no":
        raise Conflict("conflicting options: cannot specify both --restart and --rm")
    return Asked(
        request=Request(config=config, host_config=host_config, networking_config=networking),
        name=values["name"] or "",
        detach=detach,
        cidfile=values["cidfile"] or "",
        pull=pull,
        platform=values["platform"] or "",
        quiet=values["quiet"],
        sig_proxy=bool(values.get("sig_proxy", True)),
        detach_keys=_read(values, "detach_keys", detach_keys.read, detach_keys.DEFAULT),
    )


def _config(values: Values, detach: bool) -> ContainerConfig:
    attached = _attached(values, detach)
    entrypoint = values["entrypoint"]
    published = port.bindings(values["publish"])
    exposed = [each for ports in _each(values, "expose", port.read_exposed) for each in ports]
    if stop_signal := values["stop_signal"]:
        _read(values, "stop_signal", signals.read, 0)
    return ContainerConfig(
        image=values["image"],
        hostname=values["hostname"] or "",
        domainname=values["domainname"] or "",
        user=values["user"] or "",
        attach_stdin="stdin" in attached,
        attach_stdout="stdout" in attached,
        attach_stderr="stderr" in attached,
        exposed_ports={name: {} for name in (*published, *exposed)},
        tty=values["tty"],
        open_stdin=values["interactive"],
        stdin_once=values["interactive"] and "stdin" in attached,
        env=_environment(values),
        cmd=tuple(values["arguments"]) or None,
        healthcheck=_healthcheck(values),
        volumes={volume.read(text).destination: {} for text in _volumes(values) if _is_anonymous(text)},
        working_dir=values["workdir"] or "",
        entrypoint=None if entrypoint is None else (entrypoint,),
        labels=_labels(values),
        stop_signal=stop_signal or "",
        stop_timeout=values["stop_timeout"],
    )


def _host_config(values: Values) -> HostConfig:
    networks = [name for name, _ in _each(values, "network", network.read)]
    shm_size = _read(values, "shm_size", size.read, DEFAULT_SHM_SIZE)
    return HostConfig(
        **_resources(values),
        annotations=dict(_each(values, "annotation", annotation.read)),
        binds=tuple(text for text in _volumes(values) if not _is_anonymous(text)),
        volumes_from=_volumes_from(values),
        log_config=log_option.read(values["log_driver"] or "", values["log_opt"]),
        network_mode=networks[0] if networks else "default",
        port_bindings=port.bindings(values["publish"]),
        restart_policy=restart.read(values["restart"] or "no"),
        auto_remove=values["rm"],
        cap_add=tuple(_each(values, "cap_add", capabilities.read)),
        cap_drop=tuple(_each(values, "cap_drop", capabilities.read)),
        dns=tuple(_each(values, "dns", lambda text: host.read_address(text, "dns"))),
        dns_options=tuple(values["dns_option"]),
        dns_search=tuple(_each(values, "dns_search", host.read_search)),
        extra_hosts=tuple(_each(values, "add_host", host.read_extra)),
        group_add=tuple(values["group_add"]),
        **_modes(values),
        oom_score_adj=values["oom_score_adj"] or 0,
        privileged=values["privileged"],
        publish_all_ports=values["publish_all"],
        readonly_rootfs=values["read_only"],
        **_security(values),
        shm_size=shm_size or DEFAULT_SHM_SIZE,
        sysctls=dict(_each(values, "sysctl", sysctl.read)),
        tmpfs=dict(_each(values, "tmpfs", tmpfs.read)),
        mounts=tuple(_absolute(each) for each in _each(values, "mount", mount.read)),
        init=values["init"],
        links=_links(values),
        runtime=values["runtime"] or "",
    )


def _modes(values: Values) -> dict[str, Any]:
    return {f"{kind}_mode": mode.read(kind, values[kind] or "") for kind in ("pid", "ipc", "uts", "userns", "cgroupns")}


def _resources(values: Values) -> dict[str, Any]:
    nothing: frozenset[int] = frozenset()
    for name in ("cpuset_cpus", "cpuset_mems"):
        _read(values, name, cpus.read_set, nothing)
    rules = values["device_cgroup_rule"]
    _each(values, "device_cgroup_rule", device.read_rule)
    return {
        "memory": _read(values, "memory", size.read, 0),
        "memory_swap": _read(values, "memory_swap", size.read_swap, 0),
        "memory_reservation": _read(values, "memory_reservation", size.read, 0),
        "memory_swappiness": values["memory_swappiness"],
        "oom_kill_disable": values["oom_kill_disable"],
        "nano_cpus": _read(values, "cpus", cpus.read, 0),
        "cpu_shares": values["cpu_shares"] or 0,
        "cpu_period": values["cpu_period"] or 0,
        "cpu_quota": values["cpu_quota"] or 0,
        "cpuset_cpus": values["cpuset_cpus"] or "",
        "cpuset_mems": values["cpuset_mems"] or "",
        "pids_limit": values["pids_limit"],
        "ulimits": tuple({each.name: each for each in _each(values, "ulimit", ulimit.read)}.values()),
        "devices": tuple(_each(values, "device", device.read)),
        "device_cgroup_rules": tuple(rules),
        "blkio_weight": values["blkio_weight"] or 0,
        "cgroup_parent": values["cgroup_parent"] or "",
    }


def _networks(values: Values) -> NetworkingConfig:
    """Names and an address given beside --network are those on the first; without one they are on the default."""
    endpoints = _each(values, "network", network.read) or [("default", Endpoint())]
    first, endpoint = endpoints[0]
    beside = {
        "aliases": tuple(values["network_alias"]),
        "ipv4_address": _read(values, "ip", network.read_ip, ""),
        "mac_address": _read(values, "mac_address", mac.read, ""),
    }
    given = {name: value for name, value in beside.items() if value}
    if twice := [name.replace("_", " ") for name in given if getattr(endpoint, name)]:
        raise Conflict(f"conflicting options: {twice[0]} of --network given again by an option of its own")
    endpoints[0] = (first, msgspec.structs.replace(endpoint, **given))
    if len({name for name, _ in endpoints}) != len(endpoints):
        raise Conflict(f"network {first!r} is specified multiple times")
    found = [("bridge" if name == "default" else name, each) for name, each in endpoints]
    wanted = {name: each for name, each in found if mode.is_user_defined(name) or each != Endpoint()}
    return NetworkingConfig(endpoints_config=wanted)


def _attached(values: Values, detach: bool) -> set[str]:
    if detach:
        return set()
    streams = {text.lower() for text in values["attach"]}
    if not streams <= set(_STREAMS):
        raise ValueInvalid(f"--attach: valid streams are {', '.join(_STREAMS)}")
    return (streams or {"stdout", "stderr"}) | ({"stdin"} if values["interactive"] else set())


def _environment(values: Values) -> tuple[str, ...]:
    environ = os.environ
    found = [
        variable
        for name in values["env_file"]
        for variable in environment.read_file(_content(name, "--env-file"), name, environ)
    ]
    found += _each(values, "env", lambda text: environment.read_variable(text, environ))
    return tuple({variable.partition("=")[0]: variable for variable in found}.values())


def _labels(values: Values) -> dict[str, str]:
    found = [
        line for name in values["label_file"] for line in environment.read_file(_content(name, "--label-file"), name)
    ]
    return dict([*map(environment.read_label, found), *_each(values, "label", environment.read_label)])


def _healthcheck(values: Values) -> Healthcheck | None:
    asked: dict[str, Any] = {name: _read(values, f"health_{name}", duration.read, 0) for name in _TIMES}
    asked["retries"] = values["health_retries"] or 0
    if asked["retries"] < 0:
        raise ValueInvalid("--health-retries cannot be negative")
    asked["test"] = ("CMD-SHELL", values["health_cmd"]) if values["health_cmd"] else ()
    wanted = any(asked.values())
    if not values["no_healthcheck"]:
        return Healthcheck(**asked) if wanted else None
    if wanted:
        raise Conflict("--no-healthcheck conflicts with --health-* options")
    return Healthcheck(test=("NONE",))


def _security(values: Values) -> dict[str, Any]:
    """The options, with a seccomp profile's content for its file's name; systempaths is settled here, as in docker."""
    found: dict[str, Any] = {}
    kept = []
    for text in values["security_opt"]:
        key, value = security.split(text)
        if (key, value) == ("systempaths", security.UNCONFINED):
            found.update(masked_paths=(), readonly_paths=())
        elif key == "seccomp" and value not in (security.UNCONFINED, security.BUILTIN):
            profile = _content(value, "--security-opt seccomp")
            seccomp.read(profile)
            kept.append(f"seccomp={profile.decode()}")
        else:
            kept.append(text)
    security.read(kept)
    return {**found, "security_opt": tuple(kept)}


def _volumes(values: Values) -> list[str]:
    """The volumes, a relative path of the host, ./x or ../x, made absolute."""
    found = []
    for text in values["volume"]:
        source, colon, rest = text.partition(":")
        relative = source in (".", "..") or source.startswith(("./", "../"))
        found.append(f"{os.path.abspath(source)}:{rest}" if colon and relative else text)
    return found


def _links(values: Values) -> tuple[str, ...]:
    _each(values, "link", link.read)
    return tuple(values["link"])


def _volumes_from(values: Values) -> tuple[str, ...]:
    _each(values, "volumes_from", volumes_from.read)
    return tuple(values["volumes_from"])


def _is_anonymous(text: str) -> bool:
    each = volume.read(text)
    return each.type == "volume" and not each.name


def _absolute(each: Mount) -> Mount:
    return msgspec.structs.replace(each, source=os.path.abspath(each.source)) if each.type == "bind" else each


def _content(name: str, what: str) -> bytes:
    """A file that an option names, bounded."""
    try:
        with open(name, "rb") as file:
            return file.read(environment.MAX_FILE + 1)
    except OSError as error:
        raise ValueInvalid(f"{what}: open {name}: {(error.strerror or str(error)).lower()}") from None


def _each(values: Values, name: str, read: Callable[[str], Read]) -> list[Read]:
    return [_one(name, text, read) for text in values[name]]


def _read(values: Values, name: str, read: Callable[[str], Read], unasked: Read) -> Read:
    text = values.get(name)
    return _one(name, text, read) if text else unasked


def _one(name: str, text: str, read: Callable[[str], Read]) -> Read:
    try:
        return read(text)
    except BundleError as error:
        raise type(error)(f"--{name.replace('_', '-')}: {error}") from None
