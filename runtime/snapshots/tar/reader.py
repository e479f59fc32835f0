"""The entries of an archive, one after the other, with what extended headers and long names say put together.

Where formats leave it open, this follows Go's archive/tar, which the other engines read layers with: two blocks of
zeros end the archive, a GNU long name outdoes an extended one, links and folders have no data whatever their size.
"""

from __future__ import annotations

from collections.abc import Iterator

from runtime.snapshots.errors import Corrupt, InvalidLayer, LimitExceeded
from runtime.snapshots.limits import Limits
from runtime.snapshots.tar import entry as kinds
from runtime.snapshots.tar import header, pax, sparse
from runtime.snapshots.tar.entry import Entry
from runtime.snapshots.tar.header import BLOCK, ZERO
from runtime.snapshots.tar.source import Source

_REGULAR = (kinds.REGULAR, kinds.OLD_REGULAR, kinds.CONTIGUOUS, kinds.SPARSE)
_WITHOUT_DATA = (kinds.LINK, kinds.SYMLINK, kinds.CHAR, kinds.BLOCK, kinds.DIRECTORY, kinds.FIFO)


class TarReader:
    """Iterate over it; `data` gives the bytes of the entry that was given last."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._left = 0
        """Bytes of the entry's data that were not read yet."""
        self._padding = 0
        self.headers = 0
        """How many were read, extended ones too."""

    def __iter__(self) -> Iterator[Entry]:
        """Raises InvalidLayer, LimitExceeded, Corrupt."""
        while (entry := self._next()) is not None:
            yield entry
            if self._left or self._padding:
                self._source.skip(self._left + self._padding)

    def data(self, entry: Entry) -> Iterator[tuple[int, bytes | memoryview]]:
        """The data of a regular file, with the offset of each piece; holes are left out."""
        extents = entry.extents if entry.extents is not None else [(0, entry.size)]
        for offset, length in extents:
            position = offset
            for piece in self._source.pieces(length) if length else ():
                yield position, piece
                position += len(piece)
                self._left -= len(piece)

    def whole(self, entry: Entry) -> bytes:
        """The data of a regular file without holes, all at once: for small ones."""
        self._left = 0
        return self._source.read(entry.size)

    def _next(self) -> Entry | None:
        records: pax.Records = {}
        name = link = None
        while True:
            block = self._block()
            if block is None:
                if records or name is not None or link is not None:
                    raise Corrupt("it ends after an extended header")
                return None
            entry = self._parsed(block)
            if entry.kind == kinds.EXTENDED:
                records = self._extended(entry)
            elif entry.kind == kinds.GLOBAL:
                self._extended(entry)
            elif entry.kind == kinds.LONG_NAME:
                name = self._long(entry)
            elif entry.kind == kinds.LONG_LINK:
                link = self._long(entry)
            else:
                return self._complete(entry, block, records, name, link)

    def _complete(
        self, entry: Entry, block: bytes, records: pax.Records, name: bytes | None, link: bytes | None
    ) -> Entry:
        stored = entry.kind
        try:
            pax.apply(entry, records)
            entry.name = entry.name if name is None else name
            entry.link = entry.link if link is None else link
            if entry.kind in _REGULAR:
                if entry.kind == kinds.OLD_REGULAR and entry.name.endswith(b"/"):
                    entry.kind = kinds.DIRECTORY
                else:
                    entry.kind = kinds.REGULAR
            elif entry.kind not in _WITHOUT_DATA:
                raise ValueError(f"it is of type {entry.kind!r}, which no layer may have")
            if entry.kind in _WITHOUT_DATA:
                entry.size = 0
            if not 0 <= entry.size <= self._limits.size:
                raise ValueError(f"its size of {entry.size} bytes is out of bounds")
            self._padding = -entry.size % BLOCK
            if stored == kinds.SPARSE:
                sparse.old(entry, block, self._map_block, self._limits.extents)
            elif records and entry.kind == kinds.REGULAR:
                sparse.extended(entry, records, self._map_block, self._limits.extents)
        except ValueError as error:
            raise InvalidLayer(str(error), entry.name) from error
        self._bound(entry)
        self._left = entry.size
        return entry

    def _bound(self, entry: Entry) -> None:
        if len(entry.name) > self._limits.name or len(entry.link) > self._limits.name:
            raise LimitExceeded(f"its name is longer than {self._limits.name} bytes", entry.name)
        if b"\0" in entry.name or b"\0" in entry.link:
            raise InvalidLayer("its name has a NUL in it", entry.name)

    def _block(self) -> bytes | None:
        """The next header; None at the end of the archive."""
        block = self._source.read_or_end(BLOCK)
        if block == ZERO:
            second = self._source.read_or_end(BLOCK)
            if second and second != ZERO:
                raise InvalidLayer("there is a block of zeros between its entries")
            return None
        return block or None

    def _map_block(self) -> bytes:
        return self._source.read(BLOCK)

    def _parsed(self, block: bytes) -> Entry:
        self.headers += 1
        if self.headers > self._limits.entries:
            raise LimitExceeded(f"it has more than {self._limits.entries} entries")
        try:
            return header.parse(block)
        except ValueError as error:
            what = "it is neither gzip, zstd nor tar" if self.headers == 1 else f"header {self.headers} is damaged"
            raise InvalidLayer(f"{what} ({error})") from error

    def _extended(self, entry: Entry) -> pax.Records:
        try:
            return pax.parse(self._small(entry))
        except ValueError as error:
            raise InvalidLayer(str(error), entry.name) from error

    def _long(self, entry: Entry) -> bytes:
        return self._small(entry).partition(b"\0")[0]

    def _small(self, entry: Entry) -> bytes:
        """The data of an extended header."""
        if not 0 <= entry.size <= self._limits.extended:
            raise LimitExceeded(f"it has an extended header of {entry.size} bytes", entry.name)
        return self._source.read(entry.size + -entry.size % BLOCK)[: entry.size]
