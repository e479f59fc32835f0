"""A blob that is read while it is fetched: its readers see its end only when all of it was verified."""

import os
import threading
from collections.abc import Callable
from typing import BinaryIO, Final

_POLL_SECONDS: Final = 0.2
"""Between two looks whether to stop."""


class Gone(Exception):
    """What was read so far is not the beginning of the blob, or the rest will not come."""


class GrowingBlob:
    """One thread brings bytes in with `begin`, `grown`, and `over` or `failed`; another one reads what `opened` gives.

    `check` is called by the one that reads while it waits, and may raise to end that.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._changed = threading.Condition()
        self._file: BinaryIO | None = None
        self._size = 0
        self._begun = 0
        """How often: a blob that is begun again has other bytes than before."""
        self._over = self._failed = False

    # Bringing in

    def begin(self, file: BinaryIO, size: int) -> None:
        """The bytes are in this file, which is closed with this; it has so many of them by now.

        Called again for another attempt: the file is the same where that goes on.
        """
        with self._changed:
            before, self._file = self._file, file
            self._begun += not (before is not None and size >= self._size and _same(before, file))
            self._size = size
            self._changed.notify_all()
        if before is not None:
            before.close()

    def grown(self, size: int) -> None:
        """The file has so many bytes."""
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def over(self) -> None:
        """All is here and verified; without a `begin`, it is where blobs are."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def failed(self) -> None:
        """It will not come. Nothing happens when it has come."""
        with self._changed:
            self._failed = not self._over
            self._changed.notify_all()

    # Reading

    @property
    def is_over(self) -> bool:
        """Whether all is here and verified."""
        return self._over

    @property
    def is_other(self) -> bool:
        """Whether it was begun more than once: who read from the first one read something else."""
        return self._begun > 1

    def opened(self) -> "GrowingReader | None":
        """Its bytes from the first on, as soon as there are any; None when there is nothing to wait for any more."""
        with self._changed:
            while not (self._file is not None or self._over or self._failed):
                self._wait()
            return None if self._file is None or self._over or self._failed else GrowingReader(self, self._begun)

    def close(self) -> None:
        """Close the file; readers fail from now on."""
        with self._changed:
            self._failed = not self._over
            file, self._file = self._file, None
            self._changed.notify_all()
        if file is not None:
            file.close()

    def piece(self, begun: int, offset: int, size: int) -> bytes:
        """What there is from an offset on; empty at the end of what was verified. Raises Gone."""
        with self._changed:
            while True:
                if self._failed or self._file is None or self._begun != begun:
                    raise Gone("the bytes of the blob are not those that came before")
                if offset < self._size or self._over:
                    # Under the lock, so that the descriptor is not closed meanwhile; the bytes are in memory.
                    return os.pread(self._file.fileno(), min(size, max(self._size - offset, 0)), offset)
                self._wait()

    def _wait(self) -> None:
        self._check()
        self._changed.wait(_POLL_SECONDS)


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    return os.path.samestat(os.fstat(one.fileno()), os.fstat(other.fileno()))


class GrowingReader:
    """A `GrowingBlob` as a stream. Raises Gone when its bytes turn out to be wrong, and what its check raises."""

    def __init__(self, growing: GrowingBlob, begun: int) -> None:
        self._growing = growing
        self._begun = begun
        self._offset = 0

    def read(self, size: int, /) -> bytes:
        """What came by now, at most `size` bytes, waiting for at least one; empty at the end, and never before it."""
        data = self._growing.piece(self._begun, self._offset, size)
        self._offset += len(data)
        return data
