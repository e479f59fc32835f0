"""The driver: objects by stored path in one bucket, below a prefix.

<prefix>/docker/registry/v2/...     what storage/paths.py says; what came in parts is below placed/
<prefix>/<upload path>.<random>     tails of uploads that were suspended (`writer.py`)
<prefix>/.probe/<random>            written, read and removed by `probe`

An object is whole or not there, and durable once S3 has answered; there is nothing to sync and nothing to rename.
"""

from __future__ import annotations

import contextlib
import errno
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import BinaryIO, cast

from storage.driver import Stat, Writer
from storage.drivers.s3.bucket import Bucket, missing
from storage.drivers.s3.client import Settings
from storage.drivers.s3.parts import State
from storage.drivers.s3.reader import S3Reader
from storage.drivers.s3.writer import S3Writer
from storage.errors import OffsetMismatch


class S3Driver:
    """`settings` as `client.Settings` has them. Nothing is sent before the first call."""

    name = "s3"
    local = False

    def __init__(self, **settings: object) -> None:
        self._bucket = Bucket(cast(Callable[..., Settings], Settings)(**settings))

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests that this process has sent, by the name S3 gives the operation."""
        return self._bucket.connections.get().requests

    def stat(self, path: str) -> Stat:
        return self._bucket.stat(path)

    def open(self, path: str, offset: int = 0, length: int | None = None) -> BinaryIO:
        return cast(BinaryIO, S3Reader(self._bucket, path, offset, length))

    def read(self, path: str, limit: int) -> bytes:
        with S3Reader(self._bucket, path, 0, limit) as reader:
            pieces, left = [], limit
            while left > 0 and (data := reader.read(left)):
                pieces.append(data)
                left -= len(data)
        return b"".join(pieces)

    def put(self, path: str, data: bytes, *, durable: bool = True) -> None:
        self._bucket.put(path, data)

    def put_group(self, files: Sequence[tuple[str, bytes]], *, durable: bool = True) -> list[Exception | None]:
        if len(files) == 1:
            return [_failure(partial(self.put, *files[0]))]
        sent = [self._bucket.submit(partial(_failure, partial(self.put, path, data))) for path, data in files]
        return [one.result() for one in sent]

    def sync(self) -> None:
        """What S3 has acknowledged is durable."""

    def create(self, path: str) -> Writer:
        return S3Writer(self._bucket, path, State())

    def resume(self, path: str, offset: int | None = None, state: str = "") -> Writer:
        if not state:
            raise missing(path)
        try:
            known = State.decode(state)
        except ValueError as error:
            raise missing(path) from error
        if offset is not None and offset != known.size:
            raise OffsetMismatch(known.size, path)
        return S3Writer(self._bucket, path, known)

    def move(self, source: str, destination: str) -> None:
        """Copied and deleted: for small files only."""
        self._bucket.copy(source, destination)
        self._bucket.delete(source)

    def delete(self, path: str) -> None:
        self._bucket.stat(path)
        self._bucket.delete(path)

    def delete_tree(self, path: str) -> None:
        """One by one, as not every server can do it at once; those below are gone when it returns, not before."""
        found = [one for one, _ in self._bucket.walk(path)]
        if not found:
            self.delete(path)
        for removed in [self._bucket.submit(partial(self._bucket.delete, one)) for one in found]:
            removed.result()

    def list(self, path: str) -> Iterator[str]:
        return iter(sorted({name for name in self._bucket.names(path) if name and not name.startswith(".")}))

    def probe(self) -> None:
        path = f".probe/{secrets.token_hex(8)}"
        data = secrets.token_bytes(16)
        try:
            self._bucket.put(path, data)
            if self.read(path, len(data) + 1) != data:
                raise OSError(errno.EIO, "what was written is not what is read")
        finally:
            with contextlib.suppress(OSError):
                self._bucket.delete(path)

    # Extensions

    def presign(self, path: str, seconds: int, headers: Mapping[str, str]) -> str:
        return self._bucket.presign(path, seconds, headers)

    def abandoned(self, before: float) -> Iterator[str]:
        for upload in self._bucket.uploads():
            if upload.begun < before:
                yield f"{upload.place} {upload.id}"

    def abort(self, upload: str) -> None:
        place, _, identifier = upload.partition(" ")
        with contextlib.suppress(FileNotFoundError):
            self._bucket.abort(place, identifier)

    def walk(self, path: str) -> Iterator[tuple[str, Stat]]:
        return self._bucket.walk(path)


def _failure(work: partial[None]) -> Exception | None:
    try:
        work()
    except OSError as error:
        return error
    return None
