"""Devices: bridges, pairs of veth, up and gone (RTM_*LINK)."""

import errno
import struct
from typing import Final, NamedTuple

from runtime.network.netlink.channel import Channel
from runtime.network.netlink.message import CREATE, EXCLUSIVE, attribute, attributes, native, number, text

_NEW: Final = 16
_DELETE: Final = 17
_GET: Final = 18

_ADDRESS: Final = 1
_NAME: Final = 3
_MTU: Final = 4
_MASTER: Final = 10
_INFO: Final = 18
_INFO_KIND: Final = 1
_INFO_DATA: Final = 2
_INFO_SLAVE_KIND: Final = 4
_INFO_SLAVE_DATA: Final = 5
_PORT_HAIRPIN: Final = 4
_PORT_ISOLATED: Final = 33
_VETH_PEER: Final = 1
_NAMESPACE: Final = 28

_UP: Final = 0x1
_LINK: Final = struct.Struct("=BxHiII")


class Link(NamedTuple):
    """A device of this namespace: its number, whether it is up, the number of the bridge it is a port of (0: none)."""

    number: int
    up: bool
    master: int


class Peer(NamedTuple):
    """The far end of a veth: its name and hardware address in the namespace of an open file."""

    name: str
    mac: str
    namespace: int


def find(channel: Channel, name: str) -> Link | None:
    """The device of that name, or None."""
    found = channel.get(_GET, _head() + text(_NAME, name), f"device {name}")
    if found is None:
        return None
    _, _, index, flags, _ = _LINK.unpack_from(found)
    master = attributes(found[_LINK.size :]).get(_MASTER)
    return Link(index, bool(flags & _UP), native(master) if master else 0)


def add_bridge(channel: Channel, name: str, mac: str, mtu: int) -> None:
    """A bridge that is up; one that is there already is left as it is.

    Its hardware address is set, since a bridge without one of its own takes that of a port, and changes with it.
    """
    payload = _head(up=True) + text(_NAME, name) + attribute(_ADDRESS, _mac(mac)) + _mtu(mtu) + _info("bridge")
    channel.change(_NEW, CREATE | EXCLUSIVE, payload, f"bridge {name}", fine=(errno.EEXIST,))


def add_veth(channel: Channel, name: str, peer: Peer, master: int, mtu: int) -> None:
    """A pair of devices: this end is up and a port of the bridge with that index, the other is in its namespace."""
    far = (
        _head()
        + text(_NAME, peer.name)
        + attribute(_ADDRESS, _mac(peer.mac))
        + _mtu(mtu)
        + number(_NAMESPACE, peer.namespace)
    )
    payload = (
        _head(up=True)
        + text(_NAME, name)
        + _mtu(mtu)
        + number(_MASTER, master)
        + _info("veth", attribute(_VETH_PEER, far))
    )
    channel.change(_NEW, CREATE | EXCLUSIVE, payload, f"devices {name} and {peer.name}")


def set_port(channel: Channel, name: str, *, hairpin: bool, isolated: bool) -> None:
    """A port of a bridge gets frames back that came from it (hairpin), or none of other isolated ports (isolated)."""
    flags = attribute(_PORT_HAIRPIN, bytes((hairpin,))) + attribute(_PORT_ISOLATED, bytes((isolated,)))
    port = attribute(_INFO_SLAVE_DATA, flags)
    payload = _head() + text(_NAME, name) + attribute(_INFO, text(_INFO_SLAVE_KIND, "bridge") + port)
    channel.change(_NEW, 0, payload, f"device {name}")


def set_up(channel: Channel, name: str) -> None:
    """Switch a device on."""
    channel.change(_NEW, 0, _head(up=True) + text(_NAME, name), f"device {name}")


def delete(channel: Channel, name: str) -> None:
    """Take a device away, with its other end; one that is gone is fine."""
    channel.change(_DELETE, 0, _head() + text(_NAME, name), f"device {name}", fine=(errno.ENODEV,))


def _head(*, up: bool = False) -> bytes:
    return _LINK.pack(0, 0, 0, _UP if up else 0, _UP if up else 0)


def _mtu(mtu: int) -> bytes:
    return number(_MTU, mtu) if mtu else b""


def _info(kind: str, data: bytes = b"") -> bytes:
    inner = text(_INFO_KIND, kind) + (attribute(_INFO_DATA, data) if data else b"")
    return attribute(_INFO, inner)


def _mac(value: str) -> bytes:
    return bytes.fromhex(value.replace(":", ""))
