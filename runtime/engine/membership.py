"""Joining and leaving networks after a container was made: at once if it runs, and whenever it starts."""

from __future__ import annotations

from msgspec.structs import replace

from runtime.bundle.container import Endpoint, NetworkingConfig
from runtime.bundle.grammar import mode
from runtime.engine import links, locks, looking, networking
from runtime.engine.errors import EngineError, NoSuchContainer
from runtime.engine.machine import Machine
from runtime.engine.networking import Connected
from runtime.engine.paths import Of
from runtime.engine.record import Record
from runtime.engine.store import is_alive
from runtime.syscall.users import owns_network


def join(machine: Machine, container: str, network: str, asked: Endpoint) -> None:
    """Connect a container to one more network. Raises EngineError, NetworkError."""
    id = machine.store.find(container)
    looking.looked_at(machine, id)
    found = machine.networks.inspect(network)
    with locks.held(machine.paths.of(id).lock):
        record, of = machine.store.record(id), machine.paths.of(id)
        if not found.bridged or not mode.is_private(record.host_config.network_mode):
            raise EngineError(
                f"container {record.name} cannot be connected to network {found.name}: one of them shares a namespace"
            )
        if found.name in networking.names(record):
            raise EngineError(f"endpoint with name {record.name} already exists in network {found.name}")
        if is_alive(machine.store.state(id)):
            _attach(machine, record, of, found.name, asked)
        machine.store.write(_with(record, found.name, asked))


def leave(machine: Machine, container: str, network: str, *, force: bool) -> None:
    """Disconnect a container from a network; with force, one that is gone as well. Raises EngineError, NetworkError."""
    found = machine.networks.inspect(network)
    try:
        id = machine.store.find(container)
    except NoSuchContainer:
        left = [each for each in machine.networks.endpoints(found) if container in (each.name, each.container)]
        if not force or not left:
            raise
        machine.networks.detach(left[0].container, found.id)
        return
    with locks.held(machine.paths.of(id).lock):
        record, of = machine.store.record(id), machine.paths.of(id)
        if found.name not in networking.names(record):
            raise EngineError(f"container {record.name} is not connected to network {found.name}")
        if any(each.network_id == found.id for each in machine.networks.of(id)):
            machine.networks.detach(id, found.id)
            _rewrite(machine, record, of)
        machine.store.write(_without(record, found.name))


def _attach(machine: Machine, record: Record, of: Of, network: str, asked: Endpoint) -> None:
    if not owns_network():
        raise EngineError(f"network {network} needs root")
    if not networking.names(record):
        raise EngineError(f"container {record.name} runs without a network, stop it before it joins {network}")
    machine.networks.attach(
        network,
        record.id,
        of.namespace,
        name=record.name,
        aliases=asked.aliases,
        ip=asked.ipv4_address,
        nameservers=record.host_config.dns,
    )
    _rewrite(machine, record, of)


def _rewrite(machine: Machine, record: Record, of: Of) -> None:
    """Let its hosts and resolv.conf say where it is now."""
    with open(of.hostname, encoding="utf-8") as file:
        hostname = file.read().strip()
    connected = Connected(of.namespace, tuple(machine.networks.of(record.id)), linked=links.known(of, record))
    networking.write_files(record, of, connected, hostname)


def _with(record: Record, network: str, asked: Endpoint) -> Record:
    config = NetworkingConfig(endpoints_config={**record.networking_config.endpoints_config, network: asked})
    return replace(_first(record, [*networking.names(record), network]), networking_config=config)


def _without(record: Record, network: str) -> Record:
    left = {name: asked for name, asked in record.networking_config.endpoints_config.items() if name != network}
    names = [name for name in networking.names(record) if name != network]
    return replace(_first(record, names), networking_config=NetworkingConfig(endpoints_config=left))


def _first(record: Record, names: list[str]) -> Record:
    """The mode of a container is the network it joins first; without any it is none."""
    return replace(record, host_config=replace(record.host_config, network_mode=names[0] if names else "none"))
