"""A reader that knows what the bytes must be, and says at their end when they were not."""

from __future__ import annotations

from typing import Protocol

from registry.client.errors import DigestMismatch, SizeMismatch
from storage.digest import Digest, Hash, hasher

_PIECE = 1 << 20


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Verified:
    """Reads on to a source; the read that comes to its end raises DigestMismatch or SizeMismatch.

    A caller that stops before the end has bytes that nothing vouches for; `drain` goes there. To go on with bytes of an
    earlier time, give the `running` hash of the first `offset` of them, and a source that begins there.
    """

    def __init__(
        self, source: Source, digest: str, size: int | None = None, *, offset: int = 0, running: Hash | None = None
    ) -> None:
        self._source = source
        self._expected = Digest.parse(digest)
        self._size = size
        self._hash = running or hasher(self._expected.algorithm)
        self.position = offset
        self.verified = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes, all by default; empty at the end, when all of them were verified.

        Raises DigestMismatch, SizeMismatch: as soon as there are more bytes than there may be.
        """
        if size < 0:
            parts = []
            while data := self.read(_PIECE):
                parts.append(data)
            return b"".join(parts)
        data = self._source.read(size)
        self._hash.update(data)
        self.position += len(data)
        if self._size is not None and self.position > self._size:
            raise SizeMismatch(str(self._expected), self._size, self.position)
        if not data and size and not self.verified:
            self._verify()
        return data

    def drain(self) -> None:
        """Read what is left, and verify."""
        while self.read(_PIECE):
            pass

    def _verify(self) -> None:
        if self._size is not None and self.position != self._size:
            raise SizeMismatch(str(self._expected), self._size, self.position)
        if self._hash.hexdigest() != self._expected.hex:
            actual = f"{self._expected.algorithm}:{self._hash.hexdigest()}"
            raise DigestMismatch("the blob", str(self._expected), actual)
        self.verified = True
