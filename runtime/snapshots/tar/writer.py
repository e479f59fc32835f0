"""Writing entries: ustar headers, with an extended header for what they have no room for. The same bytes each time."""

from __future__ import annotations

from typing import BinaryIO

from runtime.snapshots.tar import entry as kinds
from runtime.snapshots.tar.entry import Entry
from runtime.snapshots.tar.header import BLOCK
from runtime.snapshots.tar.numbers import SECOND
from runtime.snapshots.tar.pax import XATTR

_NAME = 100
_ID = 0o7777777
_SIZE = _TIME = 0o77777777777


def write_header(out: BinaryIO, entry: Entry) -> None:
    """The headers of an entry; its data is for the caller to write, and then `pad`."""
    records = _records(entry)
    if records:
        data = b"".join(_record(key, value) for key, value in sorted(records.items()))
        out.write(_block(b"PaxHeaders/" + entry.name[:80], Entry(b"", kinds.EXTENDED, 0o644, 0, 0, len(data), 0)))
        out.write(data)
        pad(out, len(data))
    out.write(_block(entry.name, entry))


def pad(out: BinaryIO, size: int) -> None:
    """Fill the last block of so many bytes of data."""
    out.write(bytes(-size % BLOCK))


def write_end(out: BinaryIO) -> None:
    out.write(bytes(2 * BLOCK))


def _records(entry: Entry) -> dict[bytes, bytes]:
    """What an old header cannot say."""
    records = {XATTR + key: value for key, value in entry.xattrs.items()}
    if len(entry.name) > _NAME or not entry.name.isascii():
        records[b"path"] = entry.name
    if len(entry.link) > _NAME or not entry.link.isascii():
        records[b"linkpath"] = entry.link
    for key, value, most in ((b"uid", entry.uid, _ID), (b"gid", entry.gid, _ID), (b"size", entry.size, _SIZE)):
        if value > most:
            records[key] = b"%d" % value
    seconds, fraction = divmod(entry.mtime, SECOND)
    if fraction or not 0 <= seconds <= _TIME:
        records[b"mtime"] = _time(entry.mtime)
    return records


def _time(nanoseconds: int) -> bytes:
    seconds, fraction = divmod(abs(nanoseconds), SECOND)
    text = b"%s%d" % (b"-" if nanoseconds < 0 else b"", seconds)
    return text + (b".%09d" % fraction).rstrip(b"0") if fraction else text


def _record(key: bytes, value: bytes) -> bytes:
    """A record says how long it is, its own digits included."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest) + len(str(len(rest)))
    length = len(rest) + len(str(length))
    return b"%d" % length + rest


def _block(name: bytes, entry: Entry) -> bytes:
    seconds = entry.mtime // SECOND
    fields = [
        name[:_NAME].ljust(_NAME, b"\0"),
        b"%07o\0" % (entry.mode & 0o7777),
        b"%07o\0" % (entry.uid if entry.uid <= _ID else 0),
        b"%07o\0" % (entry.gid if entry.gid <= _ID else 0),
        b"%011o\0" % (entry.size if entry.size <= _SIZE else 0),
        b"%011o\0" % (seconds if 0 <= seconds <= _TIME else 0),
        b" " * 8,
        entry.kind,
        entry.link[:_NAME].ljust(_NAME, b"\0"),
        b"ustar\x0000",
        bytes(64),
        b"%07o\0%07o\0" % (entry.major, entry.minor),
        bytes(167),
    ]
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
