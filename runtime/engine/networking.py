"""A container's place on networks for one run: its namespace, its endpoints, and the files that tell it of them."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from runtime.bundle.container import Endpoint as Asked
from runtime.bundle.container import PortBinding
from runtime.bundle.grammar import mode
from runtime.engine import links, namespace
from runtime.engine.errors import WrongState
from runtime.engine.machine import Machine
from runtime.engine.paths import Of
from runtime.engine.record import Record
from runtime.network.endpoint import Endpoint, Publish
from runtime.network.errors import NetworkError
from runtime.network.hosts import hosts
from runtime.network.resolv_conf import resolv_conf
from runtime.syscall import users

_RESOLV = ("/run/systemd/resolve/resolv.conf", "/etc/resolv.conf")
"""Behind a local resolver, the servers that one asks."""
_HOSTS = ("/etc/hosts",)


class Connected(NamedTuple):
    """`namespace` is the path of one to join, empty for the OCI runtime's own or the host's."""

    namespace: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    nameservers: tuple[str, ...] = ()
    """Those of the network itself, where it has its own."""
    linked: tuple[tuple[str, str], ...] = ()
    """Addresses and names of the containers it links to."""


def connect(machine: Machine, record: Record, of: Of) -> Connected:
    """Make its namespace and connect it; nothing is left behind by an error. Raises NetworkError, EngineError."""
    asked = record.host_config.network_mode
    if other := mode.joined(asked):
        return Connected(_namespace_of(machine, other))
    if asked in ("host", "none"):
        return Connected()
    if not users.owns_network():
        return _without_root(record, of)
    namespace.make(of.namespace, of.users if os.path.exists(of.users) else "")
    try:
        joined = tuple(_join(machine, record, of))
        linked = links.lines(machine, record)
        links.tell(machine, record, joined)
        return Connected(of.namespace, joined, linked=linked)
    except BaseException:
        disconnect(machine, record.id)
        raise


def disconnect(machine: Machine, id: str) -> None:
    """Take its endpoints and its namespace away; nothing happens if there are none."""
    path = machine.paths.of(id).namespace
    if os.path.exists(path):
        if users.owns_network():
            machine.networks.detach(id)
        else:
            _usermode().disconnect(machine.paths.of(id).run)
        namespace.drop(path)


def endpoints(machine: Machine, record: Record) -> tuple[Endpoint, ...]:
    """Where a container that lives is connected now."""
    if not names(record):
        return ()
    if not users.owns_network():
        found: Endpoint | None = _usermode().endpoint(machine.paths.of(record.id).run)
        return (found,) if found is not None else ()
    return tuple(machine.networks.of(record.id))


def _usermode() -> ModuleType:
    return import_module("runtime.network.usermode")  # which root does without


def names(record: Record) -> list[str]:
    """The networks it joins, the first one first."""
    asked = record.host_config.network_mode
    if not mode.is_private(asked) or asked == "none":
        return []
    first = "bridge" if asked in ("", "default") else asked
    return list(dict.fromkeys([first, *record.networking_config.endpoints_config]))


def write_files(record: Record, of: Of, connected: Connected, hostname: str) -> None:
    """Write hostname, hosts and resolv.conf."""
    asked = record.host_config
    extra = asked.extra_hosts
    gateway = next((each.gateway for each in connected.endpoints if each.gateway), "")
    shared = ""
    if asked.network_mode == "host":
        gateway, shared = "127.0.0.1", _first_of(_HOSTS)
    _write(of.hostname, f"{hostname}\n")
    addresses = [each.ip for each in connected.endpoints]
    domain, linked = record.config.domainname, connected.linked
    text = hosts(addresses, hostname, domain=domain, extra=extra, gateway=gateway, linked=linked, shared=shared)
    _write(of.hosts, text)
    text = resolv_conf(
        _first_of(_RESOLV),
        embedded=any(mode.is_user_defined(each.network) for each in connected.endpoints),
        shared=asked.network_mode == "host",
        dns=asked.dns or connected.nameservers,
        search=asked.dns_search,
        options=asked.dns_options,
    )
    _write(of.resolv, text)


def _without_root(record: Record, of: Of) -> Connected:
    """The one network that there is for who may make no bridges."""
    if names(record) != ["bridge"]:
        raise NetworkError(
            f"network {names(record)[0]} needs root: without it there are bridge (slirp4netns or pasta), host and none"
        )
    with open(of.namespace, "w", encoding="ascii"):
        pass
    namespace.aside(of.namespace)
    try:
        asked = record.networking_config.endpoints_config.get("bridge", Asked())
        ports, mac = publishes(record), asked.mac_address
        made = _usermode().connect(of.namespace, of.run, record.id, record.name, ports, mac)
    except BaseException:
        namespace.drop(of.namespace)
        raise
    return Connected(of.namespace, (made,), made.nameservers)


def publishes(record: Record) -> list[Publish]:
    """The ports it wants published."""
    found = [
        _publish(port, binding) for port, bindings in record.host_config.port_bindings.items() for binding in bindings
    ]
    if record.host_config.publish_all_ports:
        asked = {(each.port, each.protocol) for each in found}
        exposed = [_publish(port, PortBinding()) for port in record.config.exposed_ports]
        found += [each for each in exposed if (each.port, each.protocol) not in asked]
    return found


def _join(machine: Machine, record: Record, of: Of) -> list[Endpoint]:
    joined: list[Endpoint] = []
    for name in names(record):
        asked = record.networking_config.endpoints_config.get(name, Asked())
        aliases = (*asked.aliases, *((record.id[:12],) if mode.is_user_defined(name) else ()))
        joined.append(
            machine.networks.attach(
                name,
                record.id,
                of.namespace,
                name=record.name,
                aliases=aliases,
                ip=asked.ipv4_address,
                mac=asked.mac_address,
                ports=() if joined else publishes(record),
                nameservers=record.host_config.dns,
            )
        )
    return joined


def _namespace_of(machine: Machine, id: str) -> str:
    path = machine.paths.of(id).namespace
    if os.path.exists(path):
        return path
    return process_namespace(machine, id, "net")


def process_namespace(machine: Machine, id: str, kind: str) -> str:
    """The path of a running container's namespace. Raises WrongState, NoSuchContainer."""
    now = machine.store.state(id)
    if not now.pid:
        raise WrongState(f"cannot join the {kind} namespace of container {id[:12]}: it is not running")
    return f"/proc/{now.pid}/ns/{kind}"


def _publish(port: str, binding: PortBinding) -> Publish:
    number, _, protocol = port.partition("/")
    first, _, last = binding.host_port.partition("-")
    return Publish(
        port=int(number),
        protocol=protocol or "tcp",
        host_ip=binding.host_ip,
        host_port=int(first or 0),
        host_port_end=int(last or 0),
    )


def _first_of(paths: tuple[str, ...]) -> str:
    """The first of this host's files that is there, empty for none."""
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read(65536)
        except OSError:
            continue
    return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(text)


def published(endpoints: tuple[Endpoint, ...]) -> dict[str, tuple[PortBinding, ...]]:
    """The ports that are published, as docker's inspect has them."""
    found: dict[str, list[PortBinding]] = {}
    for port in (each for endpoint in endpoints for each in endpoint.ports):
        binding = PortBinding(host_ip=port.host_ip, host_port=str(port.host_port))
        found.setdefault(f"{port.port}/{port.protocol}", []).append(binding)
    return {name: tuple(bindings) for name, bindings in found.items()}
