"""A registry on this machine whose folder is on the same file system: its blobs are shared, and not sent.

A blob is cloned where the file system can share the bytes of two files, and else linked. What comes from the registry
is asked for first, so that what it does not show is not taken, and is read and hashed once before it is believed. The
registry never changes a blob's file, and it may remove its own name for it at any time, as may we.
"""

import errno
import os
import stat as modes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from registry.client.distribution import Folder
from registry.oci.descriptor import Descriptor
from runtime.images import paths
from runtime.images.clone import cloned
from runtime.images.errors import ImagesError
from runtime.images.images import Images
from runtime.images.linked_upload import WRITABLE, LinkedUpload
from storage import paths as stored
from storage.digest import Digest
from storage.ingest import hash_reader

_CANNOT: Final = (
    *(errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS),
    *(errno.EMLINK, errno.ENOENT, errno.ENOTDIR, errno.ENOTSUP),
)
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Sees = Callable[[Descriptor], bool]
"""Whether the registry shows this blob in the repository it is wanted from."""


class LocalRegistry:
    """The storage folder of a registry."""

    def __init__(self, storage: Path, sees: Sees) -> None:
        self._storage = storage
        self._sees = sees

    @classmethod
    def at(cls, folder: Path, sees: Sees) -> Self:
        """That of a registry's root, or the storage folder in it. Raises ImagesError for another folder."""
        for one in (folder / "storage", folder):
            if (one / stored.BLOBS).is_dir() or (one / stored.LINKED).is_dir():
                return cls(one, sees)
        raise ImagesError(f"{folder} is not the folder of a registry: it has no {stored.BLOBS}")

    @classmethod
    def told(cls, folder: Folder | None, sees: Sees) -> Self | None:
        """That which a registry has told; None when its path means something else here, or nothing."""
        if folder is None:
            return None
        try:
            found = os.stat(folder.path)
        except OSError:
            return None
        same = (found.st_dev, found.st_ino) == (folder.device, folder.inode)
        return cls(Path(folder.path), sees) if same and modes.S_ISDIR(found.st_mode) else None

    def giving(self, images: Images, digest: Digest) -> LinkedUpload | None:
        """One of our blobs as a file for the registry."""
        local = images.content.local_path(digest)
        return None if local is None else LinkedUpload(self._storage, Path(local))

    def share(self, images: Images, blob: Descriptor, check: Callable[[], None]) -> bool:
        """Have the blob here without copying it; False when it is not there whole, or cannot be shared."""
        digest = Digest.parse(blob.digest)
        path = paths.new_partial()
        local = images.content.local_path(digest, place=path)
        source = self._storage / stored.blob_data(digest)
        if local is None or not source.exists() or not self._sees(blob):
            return False
        aside = Path(local)
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not _shared(source, aside) or not _is(aside, blob.size, digest, check):
                return False
            images.driver.move(path, stored.blob_data(digest))
        finally:
            aside.unlink(missing_ok=True)
            with suppress(OSError):  # gone with the file, when that was moved
                aside.parent.rmdir()
        return True


def _shared(source: Path, aside: Path) -> bool:
    """A clone of the file, or another name for it."""
    try:
        reader = os.open(source, _READ)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    try:
        writer = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            if cloned(reader, writer):
                os.fsync(writer)
                return True
        finally:
            os.close(writer)
        aside.unlink()
        return _linked(reader, source, aside)
    finally:
        os.close(reader)


def _linked(reader: int, source: Path, aside: Path) -> bool:
    try:
        os.fsync(reader)  # the registry may have it in a journal so far, which is of no use to us
        os.fchmod(reader, modes.S_IMODE(os.fstat(reader).st_mode) & ~WRITABLE)
        os.link(source, aside, follow_symlinks=False)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return True


def _is(path: Path, size: int, digest: Digest, check: Callable[[], None]) -> bool:
    """Whether the bytes are those of the digest."""

    def pace(_: int) -> None:
        check()

    with open(os.open(path, _READ), "rb", buffering=0) as reader:
        found = os.fstat(reader.fileno())
        whole = modes.S_ISREG(found.st_mode) and found.st_size == size
        return whole and hash_reader(reader, digest.algorithm, pace) == digest.hex
