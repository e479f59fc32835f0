"""A stream that comes in pieces of any size, read in sizes that are asked for, copying little."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.snapshots.errors import Corrupt


class Source:
    """The bytes of an iterator of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        """Exactly so many bytes. Raises Corrupt when there are not."""
        data = self.read_or_end(size)
        if len(data) != size:
            raise Corrupt("it is cut off, pull it again")
        return data

    def read_or_end(self, size: int) -> bytes:
        """So many bytes, or none at the end. Raises Corrupt when there are some, but not enough."""
        end = self._at + size
        if end <= len(self._piece):
            data = self._piece[self._at : end]
            self._at = end
            return data
        data = b"".join(bytes(piece) for piece in self._available(size))
        if data and len(data) != size:
            raise Corrupt("it is cut off, pull it again")
        return data

    def pieces(self, size: int) -> Iterator[bytes | memoryview]:
        """So many bytes, as they come. Raises Corrupt when there are not."""
        end = self._at + size
        if end <= len(self._piece):
            data = self._piece[self._at : end]
            self._at = end
            yield data
            return
        given = 0
        for piece in self._available(size):
            given += len(piece)
            yield piece
        if given != size:
            raise Corrupt("it is cut off, pull it again")

    def skip(self, size: int) -> None:
        """Pass over so many bytes. Raises Corrupt when there are not."""
        end = self._at + size
        if end <= len(self._piece):
            self._at = end
            return
        for _ in self.pieces(size):
            pass

    def drain(self) -> None:
        """Read to the end."""
        self._piece, self._at = b"", 0
        for _ in self._pieces:
            pass

    def _available(self, size: int) -> Iterator[memoryview]:
        """Up to so many bytes; less at the end."""
        while size:
            if self._at == len(self._piece):
                self._piece, self._at = next(self._pieces, b""), 0
                if not self._piece:
                    return
            piece = memoryview(self._piece)[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece
