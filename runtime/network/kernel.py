"""What the kernel has of networks, made to follow what is written down: bridges, devices, rules, the resolver."""

import contextlib
import os
from ipaddress import IPv4Address
from pathlib import Path

import msgspec

from runtime.network import bridge, firewall, nft
from runtime.network.definition import ICC_OPTION, MASQUERADE_OPTION, flag
from runtime.network.endpoint import Endpoint
from runtime.network.errors import NetworkError
from runtime.network.forwarding import put_back, switch_on
from runtime.network.netlink import addresses, flows, links, tables
from runtime.network.netlink.channel import Channel
from runtime.network.network import Network
from runtime.network.paths import Paths
from runtime.network.resolver.client import Resolver
from runtime.network.store import Store, write


class Kernel:
    """The caller holds the lock of the store."""

    def __init__(self, paths: Paths, store: Store) -> None:
        self._paths = paths
        self._store = store
        self._table = f"{firewall.TABLE}_{paths.mark}" if paths.mark else firewall.TABLE
        self._resolver = Resolver(paths.resolver, paths.running)

    def connect(self, network: Network, endpoint: Endpoint, *, first: bool) -> None:
        """Connect a container that is written down; `first`: no other was connected before it."""
        with Channel() as channel:
            link = links.find(channel, network.device)
            number = link.number if link and link.up and not first else bridge.raise_bridge(channel, network)
            switch_on(self._paths.forwarding)
            bridge.plug(channel, number, network, endpoint)
        self._load()
        translate_anew([endpoint])
        if network.has_names:
            self._name(endpoint)

    def disconnect(self, endpoints: list[Endpoint]) -> None:
        """Take devices away."""
        with Channel() as channel:
            for endpoint in endpoints:
                links.delete(channel, endpoint.device)

    def lower(self, network: Network) -> None:
        """Take the bridge of a network down that no container is connected to."""
        if not self._store.is_up(network):
            return
        with Channel() as channel:
            links.delete(channel, network.device)
        self._paths.endpoints(network.id).unlink(missing_ok=True)

    def settle(self) -> None:
        """Let rules and resolver follow what is written down; with the last bridge goes everything."""
        if self._up():
            self._load()
        elif self._paths.firewall.exists():
            nft.load(firewall.no_rules(self._table))
            self._paths.firewall.unlink()
            put_back(self._paths.forwarding)

    def mend(self) -> None:
        """Bring back what others took away, or what we had no time for."""
        self.settle()
        named = self._named()
        if not named:
            self._resolver.stop()
        elif not self._resolver.keep([each.container for each in named]):
            self._serve_again(named)

    def forget(self, container: str) -> None:
        """Names are no longer resolved for a container."""
        self._resolver.forget(container)

    def _up(self) -> list[Network]:
        return [network for network in self._store.networks() if self._store.is_up(network)]

    def _named(self) -> list[Endpoint]:
        return [each for network in self._up() if network.has_names for each in self._store.endpoints(network)]

    def _name(self, endpoint: Endpoint) -> None:
        if not self._resolver.running():
            self._serve_again([each for each in self._named() if each.id != endpoint.id])
        self._serve(endpoint)

    def _serve_again(self, endpoints: list[Endpoint]) -> None:
        """After the process has died; containers that died meanwhile are no concern here."""
        for endpoint in endpoints:
            with contextlib.suppress(NetworkError):
                self._serve(endpoint)

    def _serve(self, endpoint: Endpoint) -> None:
        namespace = bridge.open_namespace(endpoint.netns)
        try:
            self._resolver.serve(endpoint.container, namespace)
        finally:
            os.close(namespace)

    def _load(self) -> None:
        up = self._up()
        rules = firewall.ruleset(
            self._table,
            [_bridge(network) for network in up],
            [
                firewall.Target(each.ip, port)
                for network in up
                if not network.internal
                for each in self._store.endpoints(network)
                for port in each.ports
            ],
        )
        encoded = msgspec.json.encode(rules)
        if _content(self._paths.firewall) == encoded and tables.exists(self._table):
            return
        write(self._paths.firewall, b"", durable=False)
        nft.load(rules)
        write(self._paths.firewall, encoded, durable=False)


def translate_anew(endpoints: list[Endpoint]) -> None:
    """Datagrams for ports that were published just now, or are no longer, are not led as they were before."""
    ports = {port.host_port for each in endpoints for port in each.ports if port.protocol == "udp"}
    if not ports:
        return
    with Channel() as channel:
        ours = addresses.local(channel) | {IPv4Address(each.ip) for each in endpoints}
    flows.forget(lambda flow: flow.port in ports and flow.answers in ours)


def _bridge(network: Network) -> firewall.Bridge:
    address, _, bits = network.subnet.partition("/")
    return firewall.Bridge(
        network.device,
        (address, int(bits)),
        network.internal,
        flag(network, MASQUERADE_OPTION, otherwise=True),
        flag(network, ICC_OPTION, otherwise=True),
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
