"""Whose process a connection comes from, when it comes from this machine: what the kernel's table of sockets says."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator

_TABLES = {4: "/proc/self/net/tcp", 6: "/proc/self/net/tcp6"}
_ESTABLISHED = "01"
_LOCAL, _REMOTE, _STATE, _UID = 1, 2, 3, 7
"""Columns of the tables (proc_pid_net(5))."""

End = tuple[str, int]
"""Address and port."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def uid_of(peer: End, here: End) -> int | None:
    """The user who owns the socket at the other end of a connection; None when that is not on this machine.

    Reads a table of all connections, so it is not for every request, nor for an event loop.
    """
    theirs, ours = _plain(peer[0]), _plain(here[0])
    if theirs != ours and not (theirs.is_loopback and ours.is_loopback):
        return None
    for wanted in _forms((theirs, peer[1]), (ours, here[1])):
        for row in _rows(6 if len(wanted[0]) > len("00000000:0000") else 4):
            if (row[_LOCAL], row[_REMOTE], row[_STATE]) == (*wanted, _ESTABLISHED):
                return int(row[_UID])
    return None


def _plain(address: str) -> Address:
    """An IPv4 address as such also where a socket of both families has it."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return parsed.ipv4_mapped or parsed if isinstance(parsed, ipaddress.IPv6Address) else parsed


def _forms(peer: tuple[Address, int], here: tuple[Address, int]) -> Iterator[tuple[str, str]]:
    """The two ends as the tables may have them: IPv4 also as a socket of both families does."""
    ends = (peer, here)
    yield (_written(peer[0].packed, peer[1]), _written(here[0].packed, here[1]))
    if peer[0].version == here[0].version == 4:
        theirs, ours = (_written(bytes(10) + b"\xff\xff" + address.packed, port) for address, port in ends)
        yield (theirs, ours)


def _written(packed: bytes, port: int) -> str:
    """As the kernel prints it: words of 32 bits in the machine's order."""
    words = (int.from_bytes(packed[start : start + 4], sys.byteorder) for start in range(0, len(packed), 4))
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _rows(version: int) -> Iterator[list[str]]:
    try:
        with open(_TABLES[version], encoding="ascii") as table:
            next(table, None)
            yield from (line.split(None, _UID + 1) for line in table)
    except OSError:
        return
