"""The networks of this machine: what there is, and who is connected to it.

A container is written down before it is connected and crossed out after it was disconnected, so whatever kills us in
between leaves a record, and `reconcile` takes away by that record what is not needed any more.
"""

import os
from collections.abc import Callable, Container, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import NamedTuple

import msgspec

from runtime.network import bridge, ports
from runtime.network.definition import ADDRESS_OPTION, Wishes, default, define, unbridged
from runtime.network.endpoint import Endpoint, Publish, Published
from runtime.network.errors import NetworkError, NetworkInUse, NetworkNotFound, NoFreeAddress, NotConnected
from runtime.network.kernel import Kernel, translate_anew
from runtime.network.netlink.channel import Channel
from runtime.network.network import DEFAULT, DEFAULT_DEVICE, NOT_BRIDGED, Network
from runtime.network.paths import Paths
from runtime.network.pool import choose_address, mac_of, parse_address
from runtime.network.store import Store


class Wanted(NamedTuple):
    """How a container wants to be connected."""

    container: str
    netns: str
    name: str
    aliases: tuple[str, ...]
    ip: str
    mac: str
    ports: tuple[Publish, ...]
    nameservers: tuple[str, ...]


Tell = Callable[[str, str, str, str], None]
"""Is told what has happened: create, connect, disconnect or destroy; the network's id and name; the container or ""."""


class Networks:
    """Networks below a data root, containers connected below a run root; safe for many threads and processes.

    Everything happens in the network namespace of the caller. Raises NetworkError and its kind.
    """

    def __init__(self, root: Path, run: Path, tell: Tell = lambda *_: None) -> None:
        self._tell = tell
        self._paths = Paths(root, run)
        self._store = Store(self._paths)
        self._kernel = Kernel(self._paths, self._store)

    def create(self, name: str, wishes: Wishes | None = None) -> Network:
        """Write down a new network; its bridge is made when the first container is connected."""
        with self._store.locked():
            existing = self._all()
            network = define(name, wishes or Wishes(), existing, _routed(existing))
            self._store.save(network)
            self._tell("create", network.id, network.name, "")
            return network

    def every(self) -> list[Network]:
        """All networks, those that are always there first."""
        with self._store.locked():
            return self._all()

    def inspect(self, name: str) -> Network:
        """The network of that name, id, or beginning of an id. Raises NetworkNotFound."""
        with self._store.locked():
            return _find(self._all(), name)

    def endpoints(self, network: Network) -> list[Endpoint]:
        """Who is connected to it."""
        return self._store.endpoints(network)

    def of(self, container: str) -> list[Endpoint]:
        """The networks a container is connected to, the one with the default route first."""
        found = [each for network in self._store.networks() for each in self._store.endpoints(network)]
        mine = [each for each in found if each.container == container]
        return sorted(mine, key=lambda each: (not each.default_route, each.interface))

    def remove(self, name: str) -> Network:
        """Remove a network and its bridge. Raises NetworkInUse while containers are connected."""
        with self._store.locked():
            network = _find(self._all(), name)
            if network.predefined:
                raise NetworkError(f"{network.name} is a pre-defined network and cannot be removed")
            if connected := self._store.endpoints(network):
                names = ", ".join(each.name for each in connected)
                raise NetworkInUse(f"network {network.name} has active endpoints ({names}), disconnect them first")
            self._kernel.lower(network)
            self._store.forget(network)
            self._kernel.settle()
            self._tell("destroy", network.id, network.name, "")
            return network

    def prune(self, wanted: Callable[[Network], bool] = lambda _: True) -> list[Network]:
        """Remove those of the user's networks that no container is connected to and that are wanted gone.

        The bridge of the default network is taken down as well if it is idle; the next container brings it back.
        """
        with self._store.locked():
            idle = [each for each in self._all() if each.bridged and not self._store.endpoints(each)]
            gone = [network for network in idle if not network.predefined and wanted(network)]
            for network in idle:
                if network.name == DEFAULT or network in gone:
                    self._kernel.lower(network)
            for network in gone:
                self._store.forget(network)
                self._tell("destroy", network.id, network.name, "")
            self._kernel.settle()
            return gone

    def attach(
        self,
        network: str,
        container_id: str,
        netns_path: str | Path,
        *,
        name: str,
        aliases: Sequence[str] = (),
        ip: str = "",
        mac: str = "",
        ports: Sequence[Publish] = (),
        nameservers: Sequence[str] = (),
    ) -> Endpoint:
        """Connect the network namespace of a container, and publish ports.

        `nameservers` are asked for names that are not containers', instead of the host's. Raises PortInUse,
        NoFreeAddress; NotPermitted without root. Nothing is left behind by an error.
        """
        wanted = Wanted(container_id, str(netns_path), name, tuple(aliases), ip, mac, tuple(ports), tuple(nameservers))
        with self._store.locked():
            found = _find(self._all(), network)
            endpoint = self._endpoint(found, wanted)
            before = self._store.endpoints(found)
            self._store.save_endpoints(found, [*before, endpoint])
            try:
                self._kernel.connect(found, endpoint, first=not before)
            except BaseException:
                self._drop([endpoint])
                raise
            self._tell("connect", found.id, found.name, container_id)
            return endpoint

    def detach(self, container_id: str, network: str | None = None) -> None:
        """Disconnect a container from a network or from all; one that is on none is fine.

        Raises NotConnected if it is not on the network that was named.
        """
        with self._store.locked():
            mine = self.of(container_id)
            if network is not None:
                found = _find(self._all(), network)
                mine = [each for each in mine if each.network_id == found.id]
                if not mine:
                    raise NotConnected(f"container {container_id[:12]} is not connected to network {found.name}")
            self._leave(mine)
            if network is not None:
                self._lead_elsewhere(mine[0])

    def reconcile(self, alive: Container[str]) -> list[str]:
        """Take away all that containers left behind that are not alive, and mend rules that others have removed.

        `alive` is asked while nobody can be connected, so it may look at the containers only then. Returns the ids of
        the containers whose remains were removed.
        """
        with self._store.locked():
            everyone = [each for network in self._store.networks() for each in self._store.endpoints(network)]
            dead = [each for each in everyone if each.container not in alive]
            self._leave(dead)
            self._kernel.mend()
            return sorted({each.container for each in dead})

    def _all(self) -> list[Network]:
        found = self._store.networks()
        names = {network.name for network in found}
        missing = [unbridged(name) for name in NOT_BRIDGED if name not in names]
        if DEFAULT not in names:
            missing.append(default(found, _routed(found), DEFAULT_DEVICE if not self._paths.mark else ""))
        for network in missing:
            self._store.save(network)
        return sorted(
            [*found, *missing], key=lambda network: (not network.predefined, network.predefined and network.name)
        )

    def _endpoint(self, network: Network, wanted: Wanted) -> Endpoint:
        if not network.bridged:
            raise NetworkError(f"network {network.name} connects nothing, the container shares a namespace instead")
        if not network.has_names and (wanted.aliases or wanted.ip):
            what = "network-scoped aliases are" if wanted.aliases else "user specified ip address is"
            raise NetworkError(f"{what} supported on user defined networks only")
        others = self.of(wanted.container)
        if any(each.network_id == network.id for each in others):
            raise NetworkError(f"endpoint with name {wanted.name} already exists in network {network.name}")
        address = _address(network, wanted.ip, self._store.endpoints(network))
        id_ = os.urandom(32).hex()
        return Endpoint(
            id=id_,
            container=wanted.container,
            name=wanted.name,
            network=network.name,
            network_id=network.id,
            ip=str(address),
            prefix=IPv4Network(network.subnet).prefixlen,
            mac=wanted.mac or mac_of(address),
            gateway="" if network.internal else network.gateway,
            interface=_interface(others),
            device=f"veth{os.urandom(6).hex()[:11]}",
            netns=wanted.netns,
            aliases=wanted.aliases,
            ports=self._ports(network, id_, wanted),
            nameservers=wanted.nameservers,
            default_route=not network.internal and not any(each.default_route for each in others),
            given_ip=wanted.ip,
        )

    def _ports(self, network: Network, id_: str, wanted: Wanted) -> tuple[Published, ...]:
        if not wanted.ports:
            return ()
        taken = [
            port
            for other in self._store.networks()
            for each in self._store.endpoints(other)
            if each.container != wanted.container
            for port in each.ports
        ]
        usual = network.options.get(ADDRESS_OPTION, "")
        asked = [msgspec.structs.replace(each, host_ip=each.host_ip or usual) for each in wanted.ports]
        try:
            return ports.allocate(asked, taken)
        except NetworkError as error:
            what = f"driver failed programming external connectivity on endpoint {wanted.name} ({id_})"
            raise type(error)(f"{what}: {error}") from None

    def _leave(self, endpoints: Sequence[Endpoint]) -> None:
        self._drop(endpoints)
        for each in endpoints:
            self._tell("disconnect", each.network_id, each.network, each.container)

    def _drop(self, endpoints: Sequence[Endpoint]) -> None:
        """Disconnect, then cross out."""
        if not endpoints:
            return
        self._kernel.disconnect(list(endpoints))
        gone = {each.id for each in endpoints}
        for network in self._store.networks():
            connected = self._store.endpoints(network)
            left = [each for each in connected if each.id not in gone]
            if len(left) != len(connected):
                self._store.save_endpoints(network, left)
        self._kernel.settle()
        translate_anew(list(endpoints))
        named = {network.id for network in self._store.networks() if network.has_names}
        for container in {each.container for each in endpoints if each.network_id in named}:
            if not any(each.network_id in named for each in self.of(container)):
                self._kernel.forget(container)

    def _lead_elsewhere(self, left: Endpoint) -> None:
        """A container whose default route has gone gets one over another of its networks."""
        others = [each for each in self.of(left.container) if each.gateway]
        if not left.default_route or not others or not bridge.make_default(others[0]):
            return
        for network in self._store.networks():
            connected = self._store.endpoints(network)
            if any(each.id == others[0].id for each in connected):
                moved = [
                    msgspec.structs.replace(each, default_route=True) if each.id == others[0].id else each
                    for each in connected
                ]
                self._store.save_endpoints(network, moved)


def _find(networks: Iterable[Network], name: str) -> Network:
    every = list(networks)
    for network in every:
        if name in (network.name, network.id):
            return network
    begins = [network for network in every if name and network.id.startswith(name)]
    if len(begins) > 1:
        raise NetworkError(f"network {name} is ambiguous ({len(begins)} matches found), use more digits of the id")
    if not begins:
        raise NetworkNotFound(name)
    return begins[0]


def _routed(networks: Iterable[Network]) -> list[IPv4Network]:
    with Channel() as channel:
        return bridge.routed(channel, {network.device for network in networks if network.device})


def _address(network: Network, asked: str, connected: Iterable[Endpoint]) -> IPv4Address:
    subnet = IPv4Network(network.subnet)
    taken = {IPv4Address(network.gateway), *(IPv4Address(each.ip) for each in connected)}
    if not asked:
        return choose_address(subnet, IPv4Network(network.ip_range or network.subnet), taken)
    address = parse_address(asked, subnet, "address")
    if address in taken:
        raise NoFreeAddress(f"address {address} is already in use on network {network.name}")
    return address


def _interface(others: Iterable[Endpoint]) -> str:
    used = {each.interface for each in others}
    return next(name for number in range(len(used) + 1) if (name := f"eth{number}") not in used)
