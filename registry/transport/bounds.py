"""What all connections of a worker may hold together, and what those of one client: descriptors and bytes.

A client is an address (of IPv6 the network of 64 bits). A proxy that is trusted stands for many clients, so only the
bounds for all hold for it.

When there are too many connections, the oldest idle one of the client that has most of them is closed. When none is
idle, a new one is `over`: it has an answer only if it asks for one of the few targets that are reserved, such as health
checks, and there are at most RESERVE of those. When too many bytes are held, for bodies that the application collects
and answers that are not taken, the request that has held some for the longest ends. Its bytes count until they are
given back, which is not in the same turn of the event loop; until then no new request of the client is answered
(`crowded`), or many that come together would be answered before the first of them is closed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Protocol

from registry.transport.application import Client
from registry.transport.limits import Limits

RESERVE = 64
"""Connections over the bound that may ask for what is reserved."""

SHARE = 4
"""A client may hold this part of the bytes, unless it is a trusted proxy."""


class Bounded(Protocol):
    """A connection."""

    over: bool
    """Whether it is one too many."""
    held: int
    """Bytes it holds."""
    ending: bool
    """Whether it is to give them back, because they are too many."""
    since: float

    @property
    def idle(self) -> bool: ...

    def shed(self) -> None:
        """End what holds bytes."""

    def cut(self) -> None: ...


class _Peer:
    """The connections of one address, oldest first."""

    __slots__ = ("connections", "ending", "held", "trusted")

    def __init__(self, *, trusted: bool) -> None:
        self.connections: dict[Bounded, None] = {}
        self.held = 0
        self.ending = 0
        self.trusted = trusted


class Bounds:
    """For one worker."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._peers: dict[str, _Peer] = {}
        self.count = 0
        self.held = 0
        self.ending = 0
        """Bytes, among those held, of connections that are to give them back."""
        self.peak = 0
        """The most that was held since the last look."""

    def enter(self, connection: Bounded, client: Client) -> str:
        """Count a new connection, and make room for it; where it belongs, for `leave` and `hold`."""
        limits = self._limits
        address = "" if client is None else _network(client[0])
        peer = self._peers.get(address)
        if peer is None:
            peer = self._peers[address] = _Peer(trusted=client is not None and self._trusts(client[0]))
        if not peer.trusted and len(peer.connections) >= limits.connections_per_client:
            connection.over = not self._close_idle([peer])
        elif self.count >= limits.connections:
            connection.over = not self._close_idle(sorted(self._peers.values(), key=_greed, reverse=True))
        peer.connections[connection] = None
        self.count += 1
        return address

    def leave(self, connection: Bounded, address: str) -> None:
        peer = self._peers.get(address)
        if peer is None or connection not in peer.connections:
            return
        self.hold(connection, address, -connection.held)
        del peer.connections[connection]
        self.count -= 1
        if not peer.connections:
            del self._peers[address]

    @property
    def reserve_is_full(self) -> bool:
        return self.count > self._limits.connections + RESERVE

    def hold(self, connection: Bounded, address: str, more: int) -> None:
        """`connection` holds so many bytes more, or fewer."""
        peer = self._peers.get(address)
        if peer is None or connection not in peer.connections:
            return
        connection.held += more
        peer.held += more
        self.held += more
        if connection.ending:
            self._end(peer, more)
        if more < 0:
            return
        self.peak = max(self.peak, self.held)
        while self._has_too_much(peer, peer.held - peer.ending) and self._shed(peer):
            pass
        while self.held - self.ending > self._limits.memory and self._shed(max(self._peers.values(), key=_weight)):
            pass

    def crowded(self, address: str) -> bool:
        """Whether a new answer has to wait: what ends to make room for it has not given its bytes back yet."""
        if not self.ending:
            return False
        peer = self._peers.get(address)
        alone = peer is not None and peer.ending > 0 and self._has_too_much(peer, peer.held)
        return alone or self.held > self._limits.memory

    def _has_too_much(self, peer: _Peer, held: int) -> bool:
        return not peer.trusted and held > self._limits.memory // SHARE

    def _end(self, peer: _Peer, more: int) -> None:
        peer.ending += more
        self.ending += more

    def _shed(self, peer: _Peer) -> bool:
        """End what holds bytes for the longest; False where that is a single one, which is bounded by itself."""
        holding = [each for each in peer.connections if each.held and not each.ending]
        if len(holding) < 2:
            return False
        victim = min(holding, key=_began)
        victim.ending = True
        self._end(peer, victim.held)
        victim.shed()
        return True

    def _close_idle(self, peers: Iterable[_Peer]) -> bool:
        """Close one that is idle, of the first of `peers` that has one."""
        for peer in peers:
            for connection in peer.connections:
                if connection.idle:
                    connection.cut()
                    return True
        return False

    def _trusts(self, host: str) -> bool:
        if not self._limits.trusted:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in network for network in self._limits.trusted)


def _greed(peer: _Peer) -> int:
    return len(peer.connections)


def _weight(peer: _Peer) -> int:
    return peer.held - peer.ending


def _began(connection: Bounded) -> float:
    return connection.since


def _network(host: str) -> str:
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
