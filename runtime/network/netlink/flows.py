"""Conversations that the kernel remembers with their translation (conntrack), of datagrams (IPCTNL_MSG_CT_*).

A stream begins anew when its other end goes; datagrams go on, and would be translated as at their first one.
"""

import errno
import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final, NamedTuple

from runtime.network.netlink.channel import NETFILTER, Channel
from runtime.network.netlink.message import attribute, attributes

_GET: Final = 1 << 8 | 1
_DELETE: Final = 1 << 8 | 2
_HEAD: Final = bytes((2, 0, 0, 0))
_NESTED: Final = 0x8000

_ORIGINAL: Final = 1
_REPLY: Final = 2
_ADDRESSES: Final = 1
_SOURCE: Final = 1
_DESTINATION: Final = 2
_PORTS: Final = 2
_PROTOCOL: Final = 1
_DESTINATION_PORT: Final = 3
_UDP: Final = 17


class Flow(NamedTuple):
    """Where the datagrams were sent, and which address answers them in truth."""

    destination: IPv4Address
    port: int
    answers: IPv4Address


def forget(wanted: Callable[[Flow], bool]) -> None:
    """Let the kernel translate anew what goes on in conversations of UDP that are wanted forgotten."""
    with Channel(family=NETFILTER) as channel:
        found = [attributes(payload[len(_HEAD) :]) for payload in channel.dump(_GET, _HEAD, "conversations")]
        for one in found:
            flow = _flow(one)
            if flow is not None and wanted(flow):
                payload = _HEAD + attribute(_ORIGINAL | _NESTED, one[_ORIGINAL])
                channel.change(_DELETE, 0, payload, "conversation", fine=(errno.ENOENT,))


def _flow(found: dict[int, bytes]) -> Flow | None:
    original, reply = (attributes(found.get(kind, b"")) for kind in (_ORIGINAL, _REPLY))
    ports = attributes(original.get(_PORTS, b""))
    if ports.get(_PROTOCOL) != bytes((_UDP,)):
        return None
    (port,) = struct.unpack("!H", ports[_DESTINATION_PORT])
    destination = attributes(original[_ADDRESSES])[_DESTINATION]
    return Flow(IPv4Address(destination), port, IPv4Address(attributes(reply[_ADDRESSES])[_SOURCE]))
