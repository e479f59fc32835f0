"""Routes, version 4, of the main table (RTM_*ROUTE)."""

import errno
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Final, NamedTuple

from runtime.network.netlink.channel import Channel
from runtime.network.netlink.message import CREATE, REPLACE, attribute, attributes, native, number

_NEW: Final = 24
_GET: Final = 26
_DESTINATION: Final = 1
_DEVICE: Final = 4
_GATEWAY: Final = 5
_INET: Final = 2
_MAIN: Final = 254
_BOOT: Final = 3
_UNICAST: Final = 1
_ROUTE: Final = struct.Struct("=8BI")


class Route(NamedTuple):
    """Where a route leads, and the index of the device it leads through (0: none)."""

    destination: IPv4Network
    device: int


def set_default(channel: Channel, gateway: IPv4Address, index: int) -> None:
    """Make the default route lead through a device to a gateway."""
    payload = (
        _ROUTE.pack(_INET, 0, 0, 0, _MAIN, _BOOT, 0, _UNICAST, 0)
        + attribute(_GATEWAY, gateway.packed)
        + number(_DEVICE, index)
    )
    channel.change(_NEW, CREATE | REPLACE, payload, f"default route to {gateway}", fine=(errno.EEXIST,))


def routes(channel: Channel) -> Iterator[Route]:
    """The routes of the main table, without the default route."""
    for payload in channel.dump(_GET, _ROUTE.pack(_INET, *([0] * 7), 0), "routes"):
        _, prefix, _, _, table, *_ = _ROUTE.unpack_from(payload)
        found = attributes(payload[_ROUTE.size :])
        destination = found.get(_DESTINATION)
        if table == _MAIN and destination is not None:
            device = found.get(_DEVICE)
            network = IPv4Network((IPv4Address(destination), prefix), strict=False)
            yield Route(network, native(device) if device else 0)
