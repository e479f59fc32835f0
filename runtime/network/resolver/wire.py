"""Messages of DNS as far as the resolver reads and writes them (RFC 1035 section 4). Pure."""

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Final, NamedTuple

A: Final = 1
PTR: Final = 12
AAAA: Final = 28
INTERNET: Final = 1

NO_ERROR: Final = 0
FORMAT_ERROR: Final = 1
SERVER_FAILURE: Final = 2
NOT_IMPLEMENTED: Final = 4

LARGEST: Final = 65535
LARGEST_DATAGRAM: Final = 512

_HEADER: Final = struct.Struct("!6H")
_RECORD: Final = struct.Struct("!HHHIH")
_TO_THE_NAME: Final = 0xC000 | _HEADER.size
_TTL: Final = 600
"""Seconds; docker's."""

_QUERY_BITS: Final = 0x7900
"""Opcode and the wish for recursion, which an answer repeats."""


class Question(NamedTuple):
    """What is asked: a name in lower case without its last dot, a type, a class."""

    id: int
    flags: int
    name: str
    kind: int
    space: int
    raw: bytes
    """The question's bytes, which an answer repeats."""


def question(datagram: bytes) -> Question | None:
    """The question of a query, or None if it is none that can be answered (RFC 1035 4.1.2)."""
    if len(datagram) < _HEADER.size:
        return None
    id_, flags, count, *_ = _HEADER.unpack_from(datagram)
    if flags & 0x8000 or count != 1:
        return None
    labels: list[bytes] = []
    at = _HEADER.size
    while at < len(datagram) and (length := datagram[at]):
        if length > 63 or at + 1 + length > len(datagram) or len(labels) > 127:
            return None
        labels.append(datagram[at + 1 : at + 1 + length])
        at += 1 + length
    if at + 5 > len(datagram):
        return None
    kind, space = struct.unpack_from("!HH", datagram, at + 1)
    name = b".".join(labels).decode("ascii", "replace").lower()
    return Question(id_, flags, name, kind, space, datagram[_HEADER.size : at + 5])


def addresses(asked: Question, found: Sequence[IPv4Address]) -> bytes:
    """An answer of addresses; none means that the name is there and has nothing of that type."""
    records = b"".join(_record(A, each.packed) for each in found)
    return _head(asked, NO_ERROR, len(found)) + asked.raw + records


def fitted(asked: Question, answer: bytes, limit: int) -> bytes:
    """The answer if it fits, else one that says it does not: the asker comes back by a stream (RFC 1035 4.2.1)."""
    if len(answer) <= limit:
        return answer
    truncated = 0x0200
    return _head(asked, truncated, 0) + asked.raw


def name(asked: Question, found: str) -> bytes:
    """An answer that is a name."""
    encoded = b"".join(bytes((len(label),)) + label.encode() for label in found.split(".")) + b"\0"
    return _head(asked, NO_ERROR, 1) + asked.raw + _record(PTR, encoded)


def refusal(asked: Question, code: int) -> bytes:
    """An answer that says why there is none."""
    return _head(asked, code, 0) + asked.raw


def _head(asked: Question, code: int, count: int) -> bytes:
    available = 0x0080
    return _HEADER.pack(asked.id, 0x8000 | asked.flags & _QUERY_BITS | available | code, 1, count, 0, 0)


def _record(kind: int, payload: bytes) -> bytes:
    return _RECORD.pack(_TO_THE_NAME, kind, INTERNET, _TTL, len(payload)) + payload
