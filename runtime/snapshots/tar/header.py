"""One header block of 512 bytes: v7, ustar, star and GNU formats. Pure; raises ValueError."""

from __future__ import annotations

import struct
import zlib

from runtime.snapshots.tar.entry import Entry
from runtime.snapshots.tar.numbers import SECOND, number

BLOCK = 512
_HALF = BLOCK // 2
ZERO = bytes(BLOCK)

# name mode uid gid size mtime chksum typeflag linkname magic version uname gname devmajor devminor prefix
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32x32x8s8s155s12s")
_CHECKSUM = slice(148, 156)
_USTAR, _GNU = b"ustar\0", b"ustar "
_STAR = b"tar\0"


def parse(block: bytes) -> Entry:
    """The entry of a header block, as it stands there."""
    name, mode, uid, gid, size, mtime, checksum, kind, link, magic, version, major, minor, prefix, pad = _FIELDS.unpack(
        block
    )
    _check(block, number(checksum))
    entry = Entry(
        name=_text(name),
        kind=kind,
        mode=number(mode),
        uid=number(uid),
        gid=number(gid),
        size=number(size),
        mtime=number(mtime) * SECOND,
        link=_text(link),
    )
    if magic in (_USTAR, _GNU):
        entry.major, entry.minor = number(major), number(minor)
        before = _prefix(prefix, magic + version, pad[-4:])
        if before:
            entry.name = before + b"/" + entry.name
    return entry


def _prefix(prefix: bytes, magic: bytes, trailer: bytes) -> bytes:
    """What stands before a long name, or nothing where the format has other things there."""
    if magic == b"ustar  \0":
        return _misplaced_prefix(prefix)
    if trailer == _STAR:
        return _text(prefix[:131])
    return _text(prefix)


def _misplaced_prefix(prefix: bytes) -> bytes:
    """The GNU format has times there; Go before 1.8 wrote a prefix nevertheless (golang/go#12594)."""
    try:
        number(prefix[:12])
        number(prefix[12:24])
    except ValueError:
        text = _text(prefix)
        return text if text.isascii() else b""
    return b""


def _check(block: bytes, checksum: int) -> None:
    """The sum of the bytes, its own counted as blanks; some old programs added them up as signed."""
    field = block[_CHECKSUM]
    if _sum(block[:_HALF]) + _sum(block[_HALF:]) - sum(field) + 8 * 32 == checksum:
        return
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:])
    if signed + 8 * 32 != checksum:
        raise ValueError("the checksum of its header is wrong")


def _sum(half: bytes) -> int:
    """The sum of its bytes, which is less than what Adler-32's first half is cut off at; much quicker than `sum`."""
    return (zlib.adler32(half) & 0xFFFF) - 1


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
