"""Extended headers: records of "length key=value". Pure; raises ValueError.

Read as Go does: an empty value leaves what the header says; what is not known is passed over; those of a global header
(`g`, as git archive writes) are not applied.
"""

from __future__ import annotations

from runtime.snapshots.tar.entry import Entry
from runtime.snapshots.tar.numbers import decimal, time

Records = dict[bytes, bytes]

XATTR = b"SCHILY.xattr."
_SPARSE_PIECES = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
SPARSE_MAP = b"GNU.sparse.map"


def parse(data: bytes) -> Records:
    """The records of an extended header. Those of a sparse map of version 0.0, which repeat, become one of 0.1."""
    records: Records = {}
    pieces: list[bytes] = []
    position = 0
    while position < len(data):
        blank = data.find(b" ", position, position + 20)
        digits = data[position:blank] if blank >= 0 else b""
        end = position + int(digits) if digits.isdigit() else 0
        if not blank < end <= len(data) or data[end - 1] != 10:
            raise ValueError("its extended header is not well-formed")
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if not equals or not key or b"\0" in key:
            raise ValueError("its extended header has a record without a key")
        if key in _SPARSE_PIECES:
            if key != _SPARSE_PIECES[len(pieces) % 2]:
                raise ValueError("its sparse map is out of order")
            pieces.append(value)
        else:
            records[key] = value
        position = end
    if pieces:
        records[SPARSE_MAP] = b",".join(pieces)
    return records


def apply(entry: Entry, records: Records) -> None:
    """Put what the records say over what the header says."""
    for key, value in records.items():
        if key.startswith(XATTR):
            _xattr(entry, key[len(XATTR) :], value)
        elif value:
            _apply(entry, key, value)


def _apply(entry: Entry, key: bytes, value: bytes) -> None:
    if key == b"path":
        entry.name = value
    elif key == b"linkpath":
        entry.link = value
    elif key == b"size":
        entry.size = decimal(value)
    elif key == b"uid":
        entry.uid = decimal(value)
    elif key == b"gid":
        entry.gid = decimal(value)
    elif key == b"mtime":
        entry.mtime = time(value)
    elif key == b"atime":
        entry.atime = time(value)


def _xattr(entry: Entry, name: bytes, value: bytes) -> None:
    if not name or len(name) > 255:
        raise ValueError("it has an attribute with a name that no file can have")
    entry.xattrs[name] = value
