"""Maps of sparse files: GNU's old one in the header, and those of PAX 0.0, 0.1 and 1.0. Pure; raises ValueError."""

from __future__ import annotations

from collections.abc import Callable

from runtime.snapshots.tar.entry import Entry, Extents
from runtime.snapshots.tar.header import BLOCK
from runtime.snapshots.tar.numbers import decimal, number
from runtime.snapshots.tar.pax import SPARSE_MAP, Records

NextBlock = Callable[[], bytes]

# GNU tar, struct oldgnu_header and struct sparse_header: pairs of offset and length of 12 bytes each.
_OLD_AT, _OLD_COUNT, _OLD_MORE, _OLD_SIZE = 386, 4, 482, slice(483, 495)
_NEXT_COUNT, _NEXT_MORE = 21, 504


def old(entry: Entry, header: bytes, next_block: NextBlock, most: int) -> None:
    """The map of an entry of type S: in the header, and in blocks that follow it as long as they say so."""
    extents: Extents = []
    _old_pairs(header, _OLD_AT, _OLD_COUNT, extents)
    more = header[_OLD_MORE]
    while more:
        block = next_block()
        _old_pairs(block, 0, _NEXT_COUNT, extents)
        more = block[_NEXT_MORE]
        if len(extents) > most:
            raise ValueError(f"it is a sparse file of more than {most} pieces")
    _set(entry, extents, number(header[_OLD_SIZE]), most)


def _old_pairs(block: bytes, at: int, count: int, extents: Extents) -> None:
    for start in range(at, at + 24 * count, 24):
        if not block[start]:
            return
        extents.append((number(block[start : start + 12]), number(block[start + 12 : start + 24])))


def extended(entry: Entry, records: Records, next_block: NextBlock, most: int) -> None:
    """The map that extended headers give an entry, if they do; that of 1.0 is taken from the front of its data."""
    version = records.get(b"GNU.sparse.major"), records.get(b"GNU.sparse.minor")
    if version == (b"1", b"0"):
        extents = _leading_map(entry, next_block, most)
    elif SPARSE_MAP in records:
        extents = _pairs(records[SPARSE_MAP].split(b","), most)
    else:
        return
    size = records.get(b"GNU.sparse.realsize") or records.get(b"GNU.sparse.size")
    if size is None:
        raise ValueError("it is a sparse file without a size")
    entry.name = records.get(b"GNU.sparse.name") or entry.name
    _set(entry, extents, decimal(size), most)


def _leading_map(entry: Entry, next_block: NextBlock, most: int) -> Extents:
    """Lines of decimal numbers: how many pairs there are, then the pairs; filled up to whole blocks."""
    lines: list[bytes] = []
    rest = b""
    wanted = 1
    while len(lines) < wanted:
        if entry.size < BLOCK:
            raise ValueError("its sparse map is longer than its data")
        entry.size -= BLOCK
        *found, rest = (rest + next_block()).split(b"\n")
        if len(rest) > BLOCK:
            raise ValueError("its sparse map is not well-formed")
        if not lines and found:
            count = decimal(found[0])
            if not 0 <= count <= most:
                raise ValueError(f"it is a sparse file of {count} pieces, more than {most}")
            wanted = 1 + 2 * count
        lines += found
    return _pairs(lines[1:wanted], most)


def _pairs(numbers: list[bytes], most: int) -> Extents:
    if len(numbers) % 2 or len(numbers) > 2 * most:
        raise ValueError("its sparse map is not well-formed")
    values = [decimal(each) for each in numbers]
    return list(zip(values[::2], values[1::2], strict=True))


def _set(entry: Entry, extents: Extents, size: int, most: int) -> None:
    """Pieces in order, within the file, and as much data as there is in the archive."""
    position = 0
    for offset, length in extents:
        if offset < position or length < 0:
            raise ValueError("the pieces of its sparse map are not in order")
        position = offset + length
    if position > size or size > 1 << 62:
        raise ValueError("its sparse map goes past its end")
    if sum(length for _, length in extents) != entry.size:
        raise ValueError("its sparse map does not fit its data")
    entry.extents = [pair for pair in extents if pair[1]]
    entry.real_size = size
