"""Which subnet a network gets and which address a container gets (docker's pools). Pure."""

from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from runtime.network.errors import NetworkError, NoFreeAddress, NoFreeSubnet

_POOLS: Final = ((IPv4Network("172.16.0.0/12"), 16), (IPv4Network("192.168.0.0/16"), 20))
_NEVER: Final = IPv4Network("172.16.0.0/16")
"""Docker starts behind it."""

_SMALLEST: Final = 30
"""Bits of the longest prefix in which there is room for a gateway and one container."""


def choose_subnet(used: Collection[IPv4Network]) -> IPv4Network:
    """The first subnet of the pool that overlaps none of those in use. Raises NoFreeSubnet."""
    for subnet in _candidates():
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise NoFreeSubnet("all predefined address pools have been fully subnetted, choose a subnet with --subnet")


def _candidates() -> Iterator[IPv4Network]:
    for pool, prefix in _POOLS:
        yield from (subnet for subnet in pool.subnets(new_prefix=prefix) if subnet != _NEVER)


def parse_subnet(text: str) -> IPv4Network:
    """A subnet as the user wrote it; bits of the host's part are dropped, as docker does. Raises NetworkError."""
    try:
        subnet = IPv4Network(text, strict=False)
    except ValueError:
        raise NetworkError(f"invalid subnet {text}, write one as 172.30.0.0/16 (version 4 only)") from None
    if "/" not in text or subnet.prefixlen > _SMALLEST:
        raise NetworkError(f"invalid subnet {text}, it has no room for a gateway and a container")
    return subnet


def parse_address(text: str, subnet: IPv4Network, what: str) -> IPv4Address:
    """An address a host may have within the subnet. Raises NetworkError; `what` names it: gateway, address."""
    try:
        address = IPv4Address(text)
    except ValueError:
        raise NetworkError(f"invalid {what} {text}, write one as {subnet[2]}") from None
    if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
        raise NetworkError(f"invalid {what} {text}, it is no address of subnet {subnet}")
    return address


def parse_range(text: str, subnet: IPv4Network) -> IPv4Network:
    """A part of the subnet. Raises NetworkError."""
    try:
        part = IPv4Network(text, strict=False)
    except ValueError:
        raise NetworkError(f"invalid ip range {text}, write one as {subnet}") from None
    if not part.subnet_of(subnet):
        raise NetworkError(f"invalid ip range {text}, it is not within subnet {subnet}")
    return part


def choose_address(subnet: IPv4Network, part: IPv4Network, taken: Collection[IPv4Address]) -> IPv4Address:
    """The lowest free address of a part of the subnet. Raises NoFreeAddress."""
    reserved = (subnet.network_address, subnet.broadcast_address)
    for value in range(int(part.network_address), int(part.broadcast_address) + 1):
        address = IPv4Address(value)
        if address not in taken and address not in reserved:
            return address
    raise NoFreeAddress(f"no available IPv4 addresses on subnet {part}, remove containers or make a larger network")


def mac_of(address: IPv4Address) -> str:
    """The hardware address that goes with an address: the same again, so that no neighbour remembers another."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *address.packed))
