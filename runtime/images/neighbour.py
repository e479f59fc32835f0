"""A registry on this machine whose folder is on the same file system: its blobs are shared, and not sent.

A blob is cloned where the file system can share the bytes of two files, and else linked; it is read and hashed once
before it is believed. The registry never changes a blob's file, and it may remove its own name for it at any time.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from registry.oci.descriptor import Descriptor
from runtime.images import paths
from runtime.images.errors import ImagesError
from runtime.images.images import Images
from storage import paths as stored
from storage.digest import Digest
from storage.ingest import hash_reader

_FICLONE: Final = 0x40049409
_CANNOT: Final = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOENT, errno.ENOTDIR, errno.ENOTSUP)


class Neighbour:
    """The data of a registry: its root, or the storage folder in it. Raises ImagesError for another folder."""

    def __init__(self, folder: Path) -> None:
        candidates = [folder / "storage", folder]
        found = next((one for one in candidates if (one / stored.BLOBS).is_dir()), None)
        if found is None:
            raise ImagesError(f"{folder} is not the folder of a registry: it has no {stored.BLOBS}")
        self._storage = found

    def share(self, images: Images, blob: Descriptor, check: Callable[[], None]) -> bool:
        """Have the blob here without copying it; False when it is not there whole, or cannot be shared."""
        digest = Digest.parse(blob.digest)
        path = paths.new_partial()
        local = images.content.local_path(digest, place=path)
        if local is None:
            return False
        aside = Path(local)
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not _shared(self._storage / stored.blob_data(digest), aside) or not _is(aside, blob.size, digest, check):
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
        reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    try:
        writer = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.ioctl(writer, _FICLONE, reader)
            os.fsync(writer)
        except OSError:  # whatever a file system without clones answers
            aside.unlink()
            return _linked(source, aside)
        finally:
            os.close(writer)
    finally:
        os.close(reader)
    return True


def _linked(source: Path, aside: Path) -> bool:
    try:
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

    with path.open("rb", buffering=0) as reader:
        return os.fstat(reader.fileno()).st_size == size and hash_reader(reader, digest.algorithm, pace) == digest.hex
