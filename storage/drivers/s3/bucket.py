"""The bucket by stored paths: each method is one S3 request (a listing, one for each page), its failures OSErrors.

Only what every S3 server can do is used: no conditional writes, no bulk deletes, no checksums of AWS's own.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from storage import paths
from storage.driver import Stat
from storage.drivers.s3.client import Connections, Settings
from storage.drivers.s3.errors import STALE_PARTS, calling, code
from storage.errors import Explained, NotFound

T = TypeVar("T")

_BLOBS = (f"{paths.BLOBS}/", f"{paths.PLACED}/")

_ANSWER = "Response"
"""What S3's parameters for headers of the answer begin with."""


class Part(NamedTuple):
    """One that is uploaded."""

    etag: str
    size: int


class Upload(NamedTuple):
    """A multipart upload that is not complete; `begun` in seconds since the epoch."""

    place: str
    id: str
    begun: float


class Bucket:
    """See the module."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.connections = Connections(settings)

    def submit(self, work: Callable[[], T], *, large: bool = False) -> Future[T]:
        """Have it done in a thread of the bucket's; `large` when it takes a while."""
        with calling(self.settings.bucket):
            connection = self.connections.get()
        return (connection.large if large else connection.small).submit(work)

    # Objects

    def put(self, path: str, data: bytes | bytearray) -> None:
        """Store it whole."""
        for _ in range(self.settings.attempts):
            with contextlib.suppress(FileNotFoundError):
                self._call("put_object", path, Body=data, **self._kept(path))
                return
        raise _vanished()

    def get(self, path: str, span: str, etag: str = "") -> dict[str, Any]:
        """S3's answer, its `Body` open; `span` is a Range header's value, or nothing."""
        extra = {"Range": span} if span else {}
        if etag:
            extra["IfMatch"] = etag
        return self._call("get_object", path, **extra)

    def stat(self, path: str) -> Stat:
        """Raises NotFound."""
        try:
            found = self._call("head_object", path)
        except FileNotFoundError as error:
            raise missing(path) from error
        return Stat(found["ContentLength"], found["LastModified"].timestamp())

    def delete(self, path: str) -> None:
        """Remove it if it is there."""
        self._call("delete_object", path)

    def copy(self, source: str, destination: str) -> None:
        """Up to 5 GiB. Raises NotFound."""
        origin = {"Bucket": self.settings.bucket, "Key": self.settings.key(source)}
        try:
            self._call("copy_object", destination, CopySource=origin, **self._kept(destination))
        except FileNotFoundError as error:
            raise missing(source) from error

    def presign(self, path: str, seconds: int, headers: Mapping[str, str]) -> str:
        """A URL for GET; no request is sent."""
        asked = {_ANSWER + "".join(word.title() for word in name.split("-")): value for name, value in headers.items()}
        with calling(self.settings.bucket):
            url: str = self.connections.get().presigning.generate_presigned_url(
                "get_object", Params={**self._named(path), **asked}, ExpiresIn=seconds
            )
        return url

    # Listings

    def names(self, folder: str) -> Iterator[str]:
        """Right below, files and folders, in no order; a folder that is a file's name as well comes twice."""
        start = self.settings.key(f"{folder}/") if folder else self.settings.key("")
        for page in self._pages("list_objects_v2", Prefix=start, Delimiter="/"):
            for one in page.get("CommonPrefixes", ()):
                yield one["Prefix"][len(start) : -1]
            for one in page.get("Contents", ()):
                if one["Key"] != start:
                    yield one["Key"][len(start) :]

    def walk(self, folder: str) -> Iterator[tuple[str, Stat]]:
        """All files below."""
        return self.starting(f"{folder}/")

    def starting(self, start: str) -> Iterator[tuple[str, Stat]]:
        """All files whose paths start with this."""
        root = len(self.settings.key(""))
        for page in self._pages("list_objects_v2", Prefix=self.settings.key(start)):
            for one in page.get("Contents", ()):
                if not one["Key"].endswith("/"):  # some servers have objects for folders
                    yield one["Key"][root:], Stat(one["Size"], one["LastModified"].timestamp())

    def uploads(self) -> Iterator[Upload]:
        """Multipart uploads of ours."""
        root = len(self.settings.key(""))
        start = self.settings.key(f"{paths.PLACED}/")
        # Without a prefix: some servers take it for the whole of a name.
        for page in self._pages("list_multipart_uploads"):
            for one in page.get("Uploads", ()):
                if one["Key"].startswith(start):
                    yield Upload(one["Key"][root:], one["UploadId"], one["Initiated"].timestamp())

    def _pages(self, operation: str, **parameters: object) -> Iterator[dict[str, Any]]:
        with calling(self.settings.bucket):
            client = self.connections.get().client
            pages = iter(client.get_paginator(operation).paginate(Bucket=self.settings.bucket, **parameters))
        while True:
            with calling(self.settings.bucket):
                page = next(pages, None)
            if page is None:
                return
            yield page

    # Multipart uploads

    def begin(self, place: str) -> str:
        """A new multipart upload for an object at `place`; its id."""
        answer = self._call("create_multipart_upload", place, **self._kept(place))
        return str(answer["UploadId"])

    def send(self, place: str, upload: str, number: int, data: bytes | bytearray) -> Part:
        """Upload a part, or replace the one of that number."""
        answer = self._call("upload_part", place, UploadId=upload, PartNumber=number, Body=data)
        return Part(answer["ETag"], len(data))

    def complete(self, place: str, upload: str, parts: Sequence[Part]) -> None:
        """Publish it. Raises FileNotFoundError when the upload is over, or its parts are others."""
        listed = [{"PartNumber": number, "ETag": part.etag} for number, part in enumerate(parts, 1)]
        try:
            self._call("complete_multipart_upload", place, UploadId=upload, MultipartUpload={"Parts": listed})
        except FileNotFoundError as error:
            if code(error) in ("NoSuchUpload", *STALE_PARTS):
                raise
            raise _vanished() from error

    def abort(self, place: str, upload: str) -> None:
        """Forget it and its parts. Raises FileNotFoundError when it is over."""
        self._call("abort_multipart_upload", place, UploadId=upload)

    # How

    def _call(self, operation: str, path: str, **parameters: object) -> dict[str, Any]:
        with calling(self.settings.bucket):
            connection = self.connections.get()
            with connection.room:
                answer: dict[str, Any] = getattr(connection.client, operation)(**self._named(path), **parameters)
        return answer

    def _named(self, path: str) -> dict[str, str]:
        return {"Bucket": self.settings.bucket, "Key": self.settings.key(path)}

    def _kept(self, path: str) -> dict[str, str]:
        """How an object is to be kept."""
        settings = self.settings
        how = {}
        if settings.encryption:
            how["ServerSideEncryption"] = settings.encryption
        if settings.kms_key:
            how["SSEKMSKeyId"] = settings.kms_key
        if settings.storage_class and path.startswith(_BLOBS):
            how["StorageClass"] = settings.storage_class
        return how


def _vanished() -> OSError:
    # A server that keeps objects as files may lose a folder to a delete in the middle of a write: that is no answer.
    return Explained(errno.EAGAIN, "S3 says of what is being written that it is not there, try again")


def missing(path: str) -> NotFound:
    """Nothing is stored there."""
    return NotFound(f"{path} is not there", path)
