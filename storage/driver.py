"""What a driver is. Small Protocols and their prose; extra powers are Protocols of their own, probed with isinstance.

Stored paths are relative, slash-separated and of the grammar in `checked.py`; there are files, and folders are implied.

A driver answers with NotFound, Exists, Busy and OffsetMismatch (storage.errors) itself. What the system refuses it
lets through as the OSError it is: `checked.py` turns these into storage errors, and no code above sees an OSError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from storage.digest import Buffer


class Stat(NamedTuple):
    """Size in bytes, time of the last change in seconds since the epoch."""

    size: int
    modified: float


class Writer(Protocol):
    """A partial file, never seen at a destination before `commit`.

    Of a `local` driver it is locked for this writer alone until it commits, suspends or cancels, and can be read at its
    path. The writer ends with its process: the lock is free then, the bytes stay. Of another driver it is what the
    state says that `suspend` gave: what was written since then ends with the process.
    """

    @property
    def size(self) -> int:
        """Bytes it holds."""

    @property
    def doubtful(self) -> bool:
        """Whether `commit` found bytes published as if by it, and cannot tell that they are those written."""

    def stat(self) -> Stat:
        """As `Driver.stat` of a local driver will say until it is written to again."""

    def write(self, data: Buffer) -> None:
        """Append all of it, or raise and leave `size` and the bytes as they were."""

    def commit(self, destination: str) -> str:
        """Make the bytes durable, then publish them at once and durably; where they are.

        That is `destination`, what was there replaced; or, where the storage cannot rename, the place (see
        `paths.placed`) they were written to, and `destination` is as it was.

        When it raises, look at `size`: unchanged, the partial file is still open and may be committed again; 0, it is
        gone (bytes that may not have reached the disk are never kept).
        """

    def rewind(self, size: int) -> None:
        """Drop the bytes past `size`. Of a local driver; elsewhere the state before is still good."""

    def suspend(self) -> str:
        """Close it, the lock is released, the bytes stay; the state to resume with ("" of a local driver).

        A driver that is not local may fail to store what it holds in memory: it is still open then, and the state
        before stays as good as it was.
        """

    def cancel(self) -> None:
        """Close and remove it. Safe at any time: nothing happens after commit, suspend or cancel."""


class Driver(Protocol):
    """Files by path. Safe to call from several threads, and from several processes over the same storage."""

    @property
    def name(self) -> str:
        """As `storage.drivers.load` knows it."""

    @property
    def local(self) -> bool:
        """Whether operations are calls of this machine: cheap, partial files locked, and telling all about themselves.

        Where it is False, the caller keeps the state that `suspend` gives, sees to it that a partial file
        has one writer at a time, and asks the storage for nothing that the index knows.
        """

    def stat(self, path: str) -> Stat:
        """Of a file, partial or not. Raises NotFound."""

    def open(self, path: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        """Read from `offset` on, unbuffered and seekable; the caller closes it. Raises NotFound.

        `length` is how many bytes are wanted, so that no more are sent for; some drivers do not need to know.
        """

    def read(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes at most. Raises NotFound."""

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        """Store a small file in one step, replacing what is there: readers see the old bytes or the new ones, whole.

        Not `durable`, it is on the disk for good only after `sync`.
        """

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        """`put` of several for little more than one costs; what each failed with, None for those stored."""

    def sync(self) -> None:
        """Make everything stored so far durable."""

    def create(self, path: str) -> Writer:
        """Begin a partial file. A local driver raises Exists when it is there already."""

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        """Go on with a partial file at its end; or at `offset`, dropping the bytes past it.

        Raises NotFound, Busy while another writer has it, OffsetMismatch when it is shorter. A driver that is not local
        goes by `state`, and may raise OffsetMismatch for any offset but the end.
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


class Root(NamedTuple):
    """The folder that stored paths are below: its path on this machine, its device and its inode."""

    path: str
    device: int
    inode: int


@runtime_checkable
class Adopts(LocalFiles, Protocol):
    """A driver that takes whole files as they are: links or clones that a program of this machine has put below its
    root. Where they came from they may have other names, so that they are never written to here.
    """

    def open_folder(self, folder: str) -> Root:
        """Make the folder they are put into."""

    def adopt(self, path: str, destination: str, judge: Callable[[BinaryIO], None]) -> int:
        """Publish the file at once and durably, what was there replaced; its size in bytes.

        `judge` reads all of it and raises for one that is not to be published, which is removed then. Raises NotFound,
        Unfit.
        """

    def discard(self, path: str, before: float | None = None) -> bool:
        """Remove it, if it is there; or only if it was put there before that time (seconds since the epoch)."""


@runtime_checkable
class Presigns(Protocol):
    """A driver whose files can be fetched by any client that has a URL made for it."""

    def presign(self, path: str, seconds: int, headers: Mapping[str, str]) -> str:
        """A URL good for so many seconds; `headers` are those the answer is to have. The file is not looked at."""


@runtime_checkable
class Multipart(Protocol):
    """A driver whose partial files are hidden in the storage, and stay there when they are forgotten."""

    def abandoned(self, before: float) -> Iterator[str]:
        """Partial files begun before that time (seconds since the epoch), by any process: "<place> <id>".

        `paths.mark_of(place)` tells of which upload path each is. One that is still written to may be among them.
        """

    def abort(self, upload: str) -> None:
        """Remove one that `abandoned` named, if it is still there."""

    def walk(self, path: str) -> Iterator[tuple[str, Stat]]:
        """Every file below a folder, sorted, as the storage lists them: many at a time, none held."""
