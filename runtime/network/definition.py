"""What a new network is: the user's wishes checked, the rest chosen."""

import os
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Final, NamedTuple

from runtime.network.errors import NetworkError, NetworkExists, PoolOverlap
from runtime.network.network import DEFAULT, DEFAULT_DEVICE, NOT_BRIDGED, Network
from runtime.network.pool import choose_address, choose_subnet, parse_address, parse_range, parse_subnet

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
_DEVICE: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}")
_RESERVED: Final = {DEFAULT, "default", "container", *NOT_BRIDGED}

DEVICE_OPTION: Final = "com.docker.network.bridge.name"
MTU_OPTION: Final = "com.docker.network.driver.mtu"
ICC_OPTION: Final = "com.docker.network.bridge.enable_icc"
MASQUERADE_OPTION: Final = "com.docker.network.bridge.enable_ip_masquerade"
ADDRESS_OPTION: Final = "com.docker.network.bridge.host_binding_ipv4"


class Wishes(NamedTuple):
    """What the user asked for; empty: chosen."""

    driver: str = "bridge"
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    internal: bool = False
    attachable: bool = False
    labels: Mapping[str, str] = {}
    options: Mapping[str, str] = {}


def define(name: str, wishes: Wishes, existing: Collection[Network], routed: Collection[IPv4Network]) -> Network:
    """A network of the user's. `routed` are the subnets that the host has routes to.

    Raises NetworkExists, PoolOverlap, NoFreeSubnet; NetworkError for a wish that cannot be.
    """
    if name in _RESERVED:
        raise NetworkError(f"operation is not permitted on predefined {name} network, choose another name")
    if not _NAME.fullmatch(name):
        raise NetworkError(f"invalid network name {name[:80]!r}, letters, digits and _.- are allowed")
    if any(network.name == name for network in existing):
        raise NetworkExists(name)
    if wishes.driver != "bridge":
        raise NetworkError(f"network driver {wishes.driver} is not known, use bridge")
    id_ = os.urandom(32).hex()
    return _addressed(id_, name, wishes, _device(id_, wishes.options, existing), existing, routed)


def default(existing: Collection[Network], routed: Collection[IPv4Network], device: str) -> Network:
    """The network `bridge`, on a device of that name or of one made up. Raises NoFreeSubnet."""
    id_ = os.urandom(32).hex()
    return _addressed(id_, DEFAULT, Wishes(), device or f"br-{id_[:12]}", existing, routed)


def unbridged(name: str) -> Network:
    """One of `host` and `none`."""
    return Network(id=os.urandom(32).hex(), name=name, created=_now(), driver=NOT_BRIDGED[name])


def flag(network: Network, option: str, *, otherwise: bool) -> bool:
    """A driver option that is true or false."""
    return {"true": True, "1": True, "false": False, "0": False}.get(network.options.get(option, "").lower(), otherwise)


def mtu(network: Network) -> int:
    """The size of packets, 0: the kernel's choice."""
    return int(network.options.get(MTU_OPTION, "0"))


def _device(id_: str, options: Mapping[str, str], existing: Collection[Network]) -> str:
    for option in (ICC_OPTION, MASQUERADE_OPTION):
        if options.get(option, "true").lower() not in ("true", "false", "1", "0"):
            raise NetworkError(f"invalid option {option}={options[option]}, use true or false")
    if not options.get(MTU_OPTION, "0").isdecimal() or int(options.get(MTU_OPTION, "0")) > 65535:
        raise NetworkError(f"invalid option {MTU_OPTION}={options[MTU_OPTION]}, use a number of bytes")
    device = options.get(DEVICE_OPTION, f"br-{id_[:12]}")
    if not _DEVICE.fullmatch(device):
        raise NetworkError(f"invalid device name {device[:40]!r}, at most 15 letters, digits and _.-")
    if device == DEFAULT_DEVICE or any(network.device == device for network in existing):
        raise NetworkError(f"device {device} belongs to another network")
    return device


def _addressed(
    id_: str,
    name: str,
    wishes: Wishes,
    device: str,
    existing: Collection[Network],
    routed: Collection[IPv4Network],
) -> Network:
    ours = {IPv4Network(network.subnet): network.name for network in existing if network.subnet}
    subnet = parse_subnet(wishes.subnet) if wishes.subnet else choose_subnet([*ours, *routed])
    for other, owner in ours.items():
        if subnet.overlaps(other):
            raise PoolOverlap(f"invalid pool request: subnet {subnet} overlaps with {other} of network {owner}")
    if not wishes.subnet and (wishes.gateway or wishes.ip_range):
        raise NetworkError("a gateway or an ip range needs a subnet, add --subnet")
    part = parse_range(wishes.ip_range, subnet) if wishes.ip_range else subnet
    gateway = parse_address(wishes.gateway, subnet, "gateway") if wishes.gateway else choose_address(subnet, subnet, ())
    return Network(
        id=id_,
        name=name,
        created=_now(),
        device=device,
        subnet=str(subnet),
        gateway=str(gateway),
        ip_range=str(part) if wishes.ip_range else "",
        internal=wishes.internal,
        attachable=wishes.attachable,
        labels=dict(wishes.labels),
        options=dict(wishes.options),
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
