"""Asking other servers, for names that are no container's."""

import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runtime.network.resolv_conf import nameservers, public

_PORT: Final = 53
_ANSWER_SECONDS: Final = 3.0
"""Seconds for each server."""

_MOST_SERVERS: Final = 3


def servers(given: Sequence[str]) -> list[str]:
    """Who is asked: those that the container was given, else those of this host."""
    if given:
        return list(given)[:_MOST_SERVERS]
    try:
        return (nameservers(Path("/etc/resolv.conf").read_text()) or public())[:_MOST_SERVERS]
    except OSError:
        return public()


def ask(query: bytes, given: Sequence[str], *, stream: bool) -> bytes | None:
    """The first answer that one of the servers gives, or None."""
    for server in servers(given):
        try:
            answer = _by_stream(query, server) if stream else _by_datagram(query, server)
        except OSError:
            continue
        if answer[:2] == query[:2]:
            return answer
    return None


def _by_datagram(query: bytes, server: str) -> bytes:
    with socket.socket(_family(server), socket.SOCK_DGRAM) as asking:
        asking.settimeout(_ANSWER_SECONDS)
        asking.connect((server, _PORT))
        asking.send(query)
        return asking.recv(65535)


def _by_stream(query: bytes, server: str) -> bytes:
    with socket.create_connection((server, _PORT), timeout=_ANSWER_SECONDS) as asking:
        asking.sendall(struct.pack("!H", len(query)) + query)
        return received(asking)


def received(stream: socket.socket) -> bytes:
    """One message of a stream (RFC 1035 4.2.2). Raises OSError when it ends early."""
    (length,) = struct.unpack("!H", _exactly(stream, 2))
    return _exactly(stream, length)


def _exactly(stream: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = stream.recv(length - len(parts))
        if not part:
            raise ConnectionResetError("the stream ended within a message")
        parts += part
    return bytes(parts)


def _family(server: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server else socket.AF_INET
