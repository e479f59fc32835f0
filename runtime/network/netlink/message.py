"""The bytes of netlink messages: headers and attributes, put together and taken apart (netlink(7)). Pure."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

ERROR: Final = 2
DONE: Final = 3

REQUEST: Final = 0x1
ACK: Final = 0x4
DUMP: Final = 0x300
REPLACE: Final = 0x100
EXCLUSIVE: Final = 0x200
CREATE: Final = 0x400

_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_TYPE_MASK: Final = 0x3FFF


class Message(NamedTuple):
    """One message: its type, the sequence number of the request it answers, what follows the header."""

    kind: int
    sequence: int
    payload: bytes


def message(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """A whole message."""
    return _HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, 0) + payload


def messages(received: bytes) -> Iterator[Message]:
    """The messages of one datagram of the kernel."""
    at = 0
    while at + _HEADER.size <= len(received):
        length, kind, _, sequence, _ = _HEADER.unpack_from(received, at)
        if length < _HEADER.size:
            return
        yield Message(kind, sequence, received[at + _HEADER.size : at + length])
        at += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (_aligned(length) - length)


def text(kind: int, value: str) -> bytes:
    """An attribute that is a string with its closing zero."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """An attribute of 32 bits."""
    return attribute(kind, struct.pack("=I", value))


def native(value: bytes) -> int:
    """The number in an attribute of 32 bits."""
    return int(struct.unpack_from("=I", value)[0])


def attributes(payload: bytes) -> dict[int, bytes]:
    """The attributes by their types; of one that is there twice, the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = payload[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return found


def failure(payload: bytes) -> int:
    """The errno in an ERROR message; 0 is an acknowledgement."""
    return -int(struct.unpack_from("=i", payload)[0])


def _aligned(length: int) -> int:
    return (length + 3) & ~3
