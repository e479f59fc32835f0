"""Leases: what a pull or a load is about to use, so that no process collects it before it has a name.

A lease is a file that is locked while its process lives; one that can be locked by others is of a process that died.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.images import locks, paths


@contextmanager
def lease(root: Path, digests: Iterable[str]) -> Iterator[None]:
    """Keep blobs and chains from being collected while the block runs; take it before looking what is there."""
    with locks.held(paths.lock(root)):
        path = paths.leases(root) / os.urandom(8).hex()
        descriptor = locks.opened(path)
        locks.taken(descriptor)
        os.write(descriptor, "\n".join(digests).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def leased(root: Path) -> set[str]:
    """What is leased now; asked while holding the lock of the index. Leases of the dead are removed."""
    found: set[str] = set()
    folder = paths.leases(root)
    for name in os.listdir(folder) if folder.is_dir() else ():
        path = folder / name
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if locks.taken(descriptor):
                path.unlink(missing_ok=True)
            else:
                found.update(os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode().split())
        finally:
            os.close(descriptor)
    return found
