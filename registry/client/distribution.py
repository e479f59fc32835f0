"""What a registry does for a client: pull, push, list and delete. `client.Client` speaks it over HTTP.

`name` is a repository without its registry ("library/busybox"), `reference` a tag or a digest, `digest` the form of the
wire ("sha256:..."). Every call may raise any ClientError (errors.py); where a docstring names one, it means just that.
Safe to call from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import BinaryIO, NamedTuple, Protocol, Self, TypeAlias

from registry.client.credentials import Credentials
from registry.oci.descriptor import Descriptor


class Fetched(NamedTuple):
    """A manifest or an index: its bytes, of this digest, verified; its type, on which header and body agree."""

    media_type: str
    digest: str
    payload: bytes


class Folder(NamedTuple):
    """Where a registry keeps its bytes: the path as it knows it, its device and its inode."""

    path: str
    device: int
    inode: int


Place: TypeAlias = Callable[[str], AbstractContextManager[bool]]
"""Puts a whole file into a registry's folder for the upload of this id, if it can be; what is left of it is removed
when the block ends."""


class Reader(Protocol):
    """The bytes of a blob as they come; goes on by itself where a dropped connection stopped it."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole blob, None while the registry has not said and the caller neither."""

    @property
    def position(self) -> int:
        """Offset in the blob of the next byte read."""

    def read(self, size: int = -1, /) -> bytes:
        """What came by now, up to `size` bytes; by default all that are left. Empty at the end, and never before it.

        Raises Unreachable when the connection keeps dropping, SizeMismatch when the registry has another size for it.
        """

    def close(self) -> None:
        """Give the connection back, or close it when bytes are left."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Distribution(Protocol):
    """One registry."""

    def login(self) -> Credentials | None:
        """Prove the credentials, and give those to keep: an identity token if the registry hands one out.

        Raises Unauthorized.
        """

    def folder(self) -> Folder | None:
        """Its folder, if it is on this machine and tells; whether it is the same folder here is for the caller to see.

        Raises nothing.
        """

    def manifest(self, name: str, reference: str) -> Fetched:
        """A manifest or an index as it is stored. Raises NotFound, DigestMismatch, InvalidAnswer."""

    def head_manifest(self, name: str, reference: str) -> Descriptor:
        """Type, digest and size (bytes) of a manifest without its bytes. Raises NotFound."""

    def push_manifest(self, name: str, reference: str, payload: bytes, media_type: str) -> str:
        """Store a manifest under a tag or its digest; its digest."""

    def delete_manifest(self, name: str, digest: str) -> None:
        """Delete a manifest with all its tags. Raises NotFound."""

    def delete_tag(self, name: str, tag: str) -> None:
        """Delete a tag and not what it names. Raises NotFound."""

    def blob(self, name: str, digest: str, *, size: int | None = None, offset: int = 0) -> Reader:
        """The bytes of a blob from `offset` on; not verified, see `verified.Verified`. Raises NotFound.

        `size` is what a descriptor said (bytes of the whole blob): no byte more is ever given.
        """

    def has_blob(self, name: str, digest: str) -> int | None:
        """The size (bytes) of a blob of this repository, None when it is not there."""

    def mount(self, name: str, digest: str, source: str) -> bool:
        """Make a blob of repository `source` one of `name` too; False, with nothing left, when it is not done."""

    def push_blob(
        self,
        name: str,
        digest: str,
        size: int,
        open_at: Callable[[int], BinaryIO],
        progress: Callable[[int], None] | None = None,
        *,
        source: str = "",
        chunk: int | None = None,
        place: Place | None = None,
    ) -> bool:
        """Upload `size` bytes, going on from where the registry is after a dropped connection.

        `open_at(offset)` gives the bytes from an offset on and is closed after use; called again for each attempt.
        `progress(sent)` is told how many bytes of the blob have been sent by now: less than before after a drop.
        With `source`, a repository of the same registry, the blob is mounted from there if it can be. `chunk` (bytes)
        sends it in requests of that size, for what stands before a registry and limits them; else it is one request.
        With `place` a registry of this machine is asked to take the file as it is; its bytes are sent if it does not.
        False when it was mounted and no byte was sent.
        """

    def delete_blob(self, name: str, digest: str) -> None:
        """Take a blob from a repository. Raises NotFound."""

    def tags(self, name: str) -> Iterator[str]:
        """The tags of a repository, page by page. Raises NotFound."""

    def catalog(self) -> Iterator[str]:
        """The names of all repositories, page by page."""

    def referrers(self, name: str, digest: str, artifact_type: str = "") -> Iterator[Descriptor]:
        """The manifests whose subject is `digest`, of one type or of all."""

    def close(self) -> None:
        """Close all idle connections."""
