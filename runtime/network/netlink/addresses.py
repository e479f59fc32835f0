"""Addresses of devices, version 4 (RTM_*ADDR)."""

import errno
import struct
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
    """The networks that devices here have addresses in, with the indices of those devices."""
    found: dict[IPv4Network, set[int]] = {}
    for payload in channel.dump(_GET, _ADDR.pack(_INET, 0, 0, 0, 0), "addresses"):
        _, prefix, _, _, index = _ADDR.unpack_from(payload)
        local = attributes(payload[_ADDR.size :]).get(_LOCAL)
        if local is not None:
            found.setdefault(IPv4Network((IPv4Address(local), prefix), strict=False), set()).add(index)
    return found
