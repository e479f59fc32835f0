"""The host's ports that lead to a container, held so that no process of the host takes them while it lives.

A published port is a rule of the firewall and no socket: a process of the host could have it as well, and would wonder
why it gets no connection. What comes is led away before it would reach these sockets, and they do not listen.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class Held:
    """Sockets on these ports; one that a process has, who forwards it himself or was there first, is left to him."""

    def __init__(self, ports: Iterable[tuple[str, int, str]]) -> None:
        self._sockets: list[socket.socket] = []
        for address, number, protocol in ports:
            if protocol not in _KINDS:
                continue
            opened = socket.socket(socket.AF_INET, _KINDS[protocol] | socket.SOCK_CLOEXEC)
            self._sockets.append(opened)
            with contextlib.suppress(OSError):
                opened.bind((address, number))

    def let_go(self) -> None:
        """Close them."""
        for each in self._sockets:
            each.close()
        self._sockets.clear()
