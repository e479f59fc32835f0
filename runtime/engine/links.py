"""`--link`: containers of the default network that are known by name in another's hosts file.

A container keeps a note of those that link to it, to tell them its address when it has started again.
"""

from __future__ import annotations

import contextlib
import os

from msgspec.structs import replace

from runtime.bundle.grammar import link, mode
from runtime.engine import locks
from runtime.engine.errors import EngineError, NoSuchContainer, WrongState
from runtime.engine.machine import Machine
from runtime.engine.paths import Of
from runtime.engine.record import Record
from runtime.engine.store import is_alive
from runtime.network.endpoint import Endpoint

_UNDEFINED = "host type networking can't be used with links. This would result in undefined behavior"


def settle(machine: Machine, record: Record) -> Record:
    """Find the containers it links to and leave a note there. Raises EngineError."""
    found: dict[str, str] = {}
    shown = []
    for text in record.host_config.links:
        asked = link.read(text)
        id = machine.store.find(asked.container)
        other = machine.store.record(id)
        if other.host_config.network_mode == "host":
            raise EngineError(f"conflicting options: {_UNDEFINED}")
        found[asked.alias] = id
        shown.append(f"/{other.name}:/{record.name}/{asked.alias}")
        notes = machine.paths.of(id).links
        os.makedirs(notes, mode=0o700, exist_ok=True)
        with open(f"{notes}/{record.id}", "w", encoding="ascii"):
            pass
    return replace(record, links=found, host_config=replace(record.host_config, links=tuple(shown)))


def lines(machine: Machine, record: Record) -> tuple[tuple[str, str], ...]:
    """Addresses and names for its hosts file. Raises WrongState, EngineError."""
    return tuple(_line(machine, record, alias, id) for alias, id in record.links.items())


def known(of: Of, record: Record) -> tuple[tuple[str, str], ...]:
    """The lines that its hosts file has now."""
    if not record.links:
        return ()
    with open(of.hosts, encoding="utf-8") as file:
        found = map(_parts, file.read().splitlines())
    return tuple((address, names) for address, names in found if names.partition(" ")[0] in record.links)


def tell(machine: Machine, record: Record, endpoints: tuple[Endpoint, ...]) -> None:
    """It has an address now: those that link to it and run know it by that."""
    notes = machine.paths.of(record.id).links
    address = next((each.ip for each in endpoints if each.network == mode.BRIDGE), "")
    if not address or not os.path.isdir(notes):
        return
    for id in os.listdir(notes):
        with locks.held(machine.paths.of(id).lock):
            try:
                _rewrite(machine, id, record, address)
            except NoSuchContainer:
                os.unlink(f"{notes}/{id}")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(machine.paths.of(id).lock)


def _line(machine: Machine, record: Record, alias: str, id: str) -> tuple[str, str]:
    try:
        other, now = machine.store.record(id), machine.store.state(id)
    except NoSuchContainer:
        raise EngineError(f"cannot link to container {id[:12]} as {alias}: it is there no more") from None
    if not is_alive(now):
        raise WrongState(f"cannot link to a non running container: /{other.name} AS /{record.name}/{alias}")
    address = next((each.ip for each in machine.networks.of(id) if each.network == mode.BRIDGE), "")
    if not address:
        raise EngineError(f"cannot link to /{other.name}, as it does not belong to the default network")
    return address, _names(other, alias)


def _names(other: Record, alias: str) -> str:
    hostname = other.config.hostname or other.id[:12]
    return " ".join(dict.fromkeys((alias, hostname, other.name)))


def _rewrite(machine: Machine, id: str, other: Record, address: str) -> None:
    """Raises NoSuchContainer."""
    record, hosts = machine.store.record(id), machine.paths.of(id).hosts
    if not is_alive(machine.store.state(id)):
        return
    ours = {_names(other, alias) for alias, linked in record.links.items() if linked == other.id}
    with open(hosts, "r+", encoding="utf-8") as file:  # in place: it is the file that the container has
        found = file.read().splitlines()
        changed = [f"{address}\t{names}" if names in ours else f"{old}\t{names}" for old, names in map(_parts, found)]
        file.seek(0)
        file.truncate()
        file.write("".join(f"{line}\n" for line in changed))


def _parts(line: str) -> tuple[str, str]:
    address, _, names = line.partition("\t")
    return address, names
