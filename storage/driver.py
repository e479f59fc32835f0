"""What a driver is. Small Protocols and their prose; extra powers are Protocols of their own, probed with isinstance.

Stored paths are relative, slash-separated and of the grammar in `checked.py`; there are files, and folders are implied.

A driver answers with NotFound, Exists, Busy and OffsetMismatch (storage.errors) itself. What the system refuses it
lets through as the OSError it is: `checked.py` turns these into storage errors, and no code above sees an OSError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from storage.digest import Buffer


class Stat(NamedTuple):
    """Size in bytes, time of the last change in seconds since the epoch."""

    size: int
    modified: float


class Writer(Protocol):
    """A partial file, locked for this writer alone until it commits, suspends or cancels.

    Partial files can be read at their path, and are never seen at a destination before `commit`. A writer ends with its
    process: the lock is free then, the bytes stay.
    """

    @property
    def size(self) -> int:
        """Bytes it holds."""

    def stat(self) -> Stat:
        """As `Driver.stat` will say until somebody writes to it again."""

    def write(self, data: Buffer) -> None:
        """Append all of it, or raise and leave `size` and the bytes as they were."""

    def commit(self, destination: str) -> None:
        """Make the bytes durable, then publish them at once and durably under `destination`, replacing what is there.

        When it raises, look at `size`: unchanged, the partial file is still open and may be committed again; 0, it is
        gone (bytes that may not have reached the disk are never kept).
        """

    def suspend(self) -> None:
        """Close it; the bytes stay, the lock is released."""

    def cancel(self) -> None:
        """Close and remove it. Safe at any time: nothing happens after commit, suspend or cancel."""


class Driver(Protocol):
    """Files by path. Safe to call from several threads, and from several processes over the same storage."""

    @property
    def name(self) -> str:
        """As `storage.drivers.load` knows it."""

    def stat(self, path: str) -> Stat:
        """Of a file, partial or not. Raises NotFound."""

    def open(self, path: str, offset: int = 0) -> BinaryIO:
        """Read from `offset` on, unbuffered and seekable; the caller closes it. Raises NotFound."""

    def read(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes at most. Raises NotFound."""

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        """Store a small file in one step, replacing what is there: readers see the old bytes or the new ones, whole.

        Not `durable`, it is on the disk for good only after `sync`.
        """

    def put_group(self, files: Sequence[tuple[str, bytes]]) -> list[Exception | None]:
        """`put` of several, durable, for little more than one costs; what each failed with, None for those stored."""

    def sync(self) -> None:
        """Make everything stored so far durable."""

    def create(self, path: str) -> Writer:
        """Begin a partial file. Raises Exists when it is there already."""

    def resume(self, path: str, offset: int | None = None) -> Writer:
        """Go on with a partial file at its end; or at `offset`, dropping the bytes past it.

        Raises NotFound, Busy while another writer has it, OffsetMismatch when it is shorter.
        """

    def move(self, source: str, destination: str) -> None:
        """Rename a file durably, replacing what is there. Raises NotFound."""

    def delete(self, path: str) -> None:
        """Remove a file; it may come back after a power cut. Raises NotFound."""

    def delete_tree(self, path: str) -> None:
        """Remove everything below a folder, which is out of sight at once. Raises NotFound."""

    def list(self, path: str) -> Iterator[str]:
        """Sorted names of the files and folders right below; none if nothing is there. Emptied folders may be named."""

    def probe(self) -> None:
        """Really write, read and remove something; raises when any of it fails."""


@runtime_checkable
class LocalFiles(Protocol):
    """A driver whose files are files of this machine."""

    def local_path(self, path: str) -> str:
        """Where it is on this machine's file system; it need not exist."""
