"""Pieces of bytes as a file that can be read once."""

from collections.abc import Iterator


class Pieces:
    """Reads what an iterator gives."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, size: int = -1, /) -> bytes:
        """As much as was asked for, less only at the end."""
        parts, wanted = [self._left], size - len(self._left)
        while size < 0 or wanted > 0:
            piece = next(self._pieces, b"")
            if not piece:
                break
            parts.append(piece)
            wanted -= len(piece)
        data = b"".join(parts)
        given = data if size < 0 else data[:size]
        self._left = data[len(given) :]
        return given
