"""Ports of the host that lead to containers: which are chosen, and that no other process has them.

A published port is a rule of the firewall, not a socket. So that two never want the same, each is tried with a socket
first; that no process of the host takes it later is for the one that publishes it to see to.
"""

import errno
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from runtime.network.endpoint import Publish, Published
from runtime.network.errors import NetworkError, PortInUse
from runtime.network.forwarding import ephemeral_ports

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - docker's word for all addresses of the host

_KINDS: Final = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}


def allocate(wanted: Iterable[Publish], taken: Iterable[Published]) -> tuple[Published, ...]:
    """Choose the host's ports. Raises PortInUse in docker's words; NetworkError for what cannot be a port."""
    held = list(taken)
    chosen: list[Published] = []
    for publish in wanted:
        chosen.append(_allocate(_checked(publish), [*held, *chosen]))
    return tuple(chosen)


def _checked(publish: Publish) -> Publish:
    if publish.protocol not in _KINDS:
        raise NetworkError(f"invalid protocol {publish.protocol}, use one of {', '.join(_KINDS)}")
    if not 0 < publish.port < 65536 or not 0 <= publish.host_port < 65536 or not 0 <= publish.host_port_end < 65536:
        raise NetworkError(f"invalid port {publish.host_port}:{publish.port}, ports are 1 to 65535")
    try:
        IPv4Address(publish.host_ip or EVERYWHERE)
    except AddressValueError:
        raise NetworkError(f"invalid address {publish.host_ip} to publish on, it is not version 4") from None
    return publish


def _allocate(publish: Publish, held: Sequence[Published]) -> Published:
    problem: NetworkError | None = None
    for number in _numbers(publish):
        port = Published(publish.port, publish.protocol, publish.host_ip or EVERYWHERE, number)
        problem = _conflict(port, held)
        if problem is None:
            return port
    if publish.host_port and not publish.host_port_end and problem is not None:
        raise problem
    raise PortInUse(f"all ports are allocated for {publish.port}/{publish.protocol}, choose another range")


def _numbers(publish: Publish) -> Iterator[int]:
    if publish.host_port:
        yield from range(publish.host_port, max(publish.host_port, publish.host_port_end) + 1)
    else:
        yield from ephemeral_ports()


def _conflict(port: Published, held: Iterable[Published]) -> NetworkError | None:
    where = f"{port.host_ip}:{port.host_port}"
    if any(_same(port, other) for other in held):
        return PortInUse(f"Bind for {where} failed: port is already allocated")
    try:
        _bound(port).close()
    except OSError as error:
        if error.errno == errno.EPROTONOSUPPORT:
            return None
        told = os.strerror(error.errno or errno.EINVAL).lower()
        kind = PortInUse if error.errno == errno.EADDRINUSE else NetworkError
        return kind(f"failed to bind host port {where}/{port.protocol}: {told}")
    return None


def _same(port: Published, other: Published) -> bool:
    return (port.protocol, port.host_port) == (other.protocol, other.host_port) and (
        port.host_ip == other.host_ip or EVERYWHERE in (port.host_ip, other.host_ip)
    )


def _bound(port: Published) -> socket.socket:
    """Ports on which connections are only just ending are free, as they are to any server."""
    kind, protocol = _KINDS[port.protocol]
    opened = socket.socket(socket.AF_INET, kind | socket.SOCK_CLOEXEC, protocol)
    try:
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((port.host_ip, port.host_port))
        if kind == socket.SOCK_STREAM:
            opened.listen(1)
    except OSError:
        opened.close()
        raise
    return opened
