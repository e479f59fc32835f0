"""What storage can fail with. NotFound, Exists, Busy, OffsetMismatch and Unfit are answers; the rest is trouble."""

from __future__ import annotations


class StorageError(Exception):
    """Base of all; `path` is the stored path it is about, or empty."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class NotFound(StorageError):
    """Nothing is stored there."""


class Exists(StorageError):
    """A partial file is there already."""


class Busy(StorageError):
    """Another process is writing to this partial file."""


class Unfit(StorageError):
    """A file that cannot be taken as it is."""


class OffsetMismatch(StorageError):
    """A partial file is shorter than the offset to resume at; `offset` is where it really ends."""

    def __init__(self, offset: int, path: str = "") -> None:
        super().__init__(f"{path or 'the partial file'} has {offset} bytes, resume there", path)
        self.offset = offset


class NoSpace(StorageError):
    """The disk or the quota is full."""


class ReadOnly(StorageError):
    """The storage may not be written."""


class Unavailable(StorageError):
    """The storage failed (an I/O error, too many open files); trying again later may help."""


class InvalidPath(StorageError):
    """Not a stored path."""


class InvalidDigest(StorageError):
    """Not a digest of an algorithm we know."""


class DigestMismatch(StorageError):
    """The bytes are not what they were said to be."""

    def __init__(self, expected: object, actual: object) -> None:
        super().__init__(f"the bytes are {actual}, not {expected}")
        self.expected = str(expected)
        self.actual = str(actual)


class Damaged(StorageError):
    """A blob's stored bytes are not what its digest says."""

    def __init__(self, digest: object, reason: str) -> None:
        super().__init__(f"blob {digest} is damaged: {reason}")
        self.digest = str(digest)
        self.reason = reason


class Explained(OSError):
    """Of a driver that is no file system: `strerror` says all that there is to say, what to do too."""
