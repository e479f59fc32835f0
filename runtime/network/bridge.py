"""Bridges and the pairs of devices that connect containers to them."""

import os
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from runtime.network.definition import ICC_OPTION, flag, mtu
from runtime.network.endpoint import Endpoint
from runtime.network.errors import KernelRefused, NetworkError
from runtime.network.forwarding import refuse_version_6, route_localhost
from runtime.network.netlink import addresses, links, routes
from runtime.network.netlink.channel import Channel
from runtime.network.network import Network
from runtime.network.pool import mac_of
from runtime.syscall.netns import within


def routed(channel: Channel, ours: set[str]) -> list[IPv4Network]:
    """The subnets this host has addresses in or routes to, without those of our own bridges."""
    numbers = {link.number for device in ours if (link := links.find(channel, device))}
    found = [subnet for subnet, devices in addresses.networks(channel).items() if devices - numbers]
    found += [route.destination for route in routes.routes(channel) if route.device not in numbers]
    return found


def raise_bridge(channel: Channel, network: Network) -> int:
    """Have the bridge there and up, with the gateway's address; returns the device's number."""
    gateway = IPv4Address(network.gateway)
    bits = IPv4Network(network.subnet).prefixlen
    links.add_bridge(channel, network.device, mac_of(gateway), mtu(network))
    link = links.find(channel, network.device)
    if link is None:
        raise KernelRefused(f"bridge {network.device} has gone while it was made")
    refuse_version_6(network.device)
    route_localhost(network.device)
    addresses.add(channel, link.number, IPv4Interface((gateway, bits)))
    return link.number


def plug(channel: Channel, bridge: int, network: Network, endpoint: Endpoint) -> None:
    """Connect a container: a device with its address in its namespace, the other end a port of the bridge."""
    namespace = open_namespace(endpoint.netns)
    try:
        peer = links.Peer(endpoint.interface, endpoint.mac, namespace)
        links.add_veth(channel, endpoint.device, peer, bridge, mtu(network))
        # A container may call itself by the host's address, which a bridge that filters (br_netfilter) answers itself.
        # And what one does not filter never comes by the rules, so those that may not talk are kept apart here.
        apart = not flag(network, ICC_OPTION, otherwise=True)
        if endpoint.ports or apart:
            links.set_port(channel, endpoint.device, hairpin=bool(endpoint.ports), isolated=apart)
        with within(namespace):
            refuse_version_6(endpoint.interface)
        with Channel(namespace) as inside:
            links.set_up(inside, "lo")
            links.set_up(inside, endpoint.interface)
            link = links.find(inside, endpoint.interface)
            if link is None:
                raise KernelRefused(f"device {endpoint.interface} has gone while it was made")
            addresses.add(inside, link.number, IPv4Interface((endpoint.ip, endpoint.prefix)))
            if endpoint.default_route:
                routes.set_default(inside, IPv4Address(endpoint.gateway), link.number)
    finally:
        os.close(namespace)


def make_default(endpoint: Endpoint) -> bool:
    """Let a container's default route lead over this endpoint; False if the container has gone."""
    try:
        namespace = open_namespace(endpoint.netns)
    except NetworkError:
        return False
    try:
        with Channel(namespace) as inside:
            link = links.find(inside, endpoint.interface)
            if link is None:
                return False
            routes.set_default(inside, IPv4Address(endpoint.gateway), link.number)
            return True
    finally:
        os.close(namespace)


def open_namespace(path: str) -> int:
    """Open a network namespace. Raises NetworkError: it has gone."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        told = (error.strerror or str(error)).lower()
        raise NetworkError(f"network namespace {path}: {told}, is the container running") from error
