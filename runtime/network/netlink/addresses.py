"""Addresses of devices, version 4 (RTM_*ADDR)."""

import errno
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from runtime.network.netlink.channel import Channel
from runtime.network.netlink.message import CREATE, EXCLUSIVE, attribute, attributes

_NEW: Final = 20
_GET: Final = 22
_ADDRESS: Final = 1
_LOCAL: Final = 2
_BROADCAST: Final = 4
_INET: Final = 2
_ADDR: Final = struct.Struct("=BBBBI")


def add(channel: Channel, index: int, address: IPv4Interface) -> None:
    """Give a device an address; one it has already is fine."""
    packed = address.ip.packed
    payload = (
        _ADDR.pack(_INET, address.network.prefixlen, 0, 0, index)
        + attribute(_LOCAL, packed)
        + attribute(_ADDRESS, packed)
        + attribute(_BROADCAST, address.network.broadcast_address.packed)
    )
    channel.change(_NEW, CREATE | EXCLUSIVE, payload, f"address {address}", fine=(errno.EEXIST,))


def networks(channel: Channel) -> dict[IPv4Network, set[int]]:
    """The networks that devices here have addresses in, with the numbers of those devices."""
    found: dict[IPv4Network, set[int]] = {}
    for address, number in _all(channel):
        found.setdefault(address.network, set()).add(number)
    return found


def local(channel: Channel) -> set[IPv4Address]:
    """The addresses of this host."""
    return {address.ip for address, _ in _all(channel)}


def _all(channel: Channel) -> Iterator[tuple[IPv4Interface, int]]:
    for payload in channel.dump(_GET, _ADDR.pack(_INET, 0, 0, 0, 0), "addresses"):
        _, prefix, _, _, number = _ADDR.unpack_from(payload)
        address = attributes(payload[_ADDR.size :]).get(_LOCAL)
        if address is not None:
            yield IPv4Interface((IPv4Address(address), prefix)), number
