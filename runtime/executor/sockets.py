"""Sockets by Python's C module: connections to callers and agents, and descriptors sent over them.

Loaded by name, when there is a terminal or an agent: most containers have neither.
"""

from __future__ import annotations

import _socket

_SCM_RIGHTS = 1


def connect(path: str) -> _socket.socket:
    """A connection to a listening socket, made before the container is entered. Raise OSError."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    connection.connect(path)
    return connection


def pair() -> tuple[_socket.socket, _socket.socket]:
    """Two ends that are joined."""
    kind = _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC
    first, second = _socket.socketpair(_socket.AF_UNIX, kind)
    return first, second


def send(connection: _socket.socket, text: str, descriptor: int) -> None:
    """Send one descriptor with a text, in one message, and close."""
    connection.sendmsg([text.encode()], [(_socket.SOL_SOCKET, _SCM_RIGHTS, descriptor.to_bytes(4, "little"))])
    connection.close()


def receive(connection: _socket.socket) -> int:
    """The descriptor of one message; close afterwards."""
    _, extra, _, _ = connection.recvmsg(4096, 64)
    connection.close()
    return int.from_bytes(extra[0][2][:4], "little")
