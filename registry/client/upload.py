"""One upload, from the POST that opens it to the PUT that closes it (distribution spec, "Pushing blobs").

begin --> send --> send ... --> close --> done
  ^         |                     |
  |         +-- dropped: ask the status, and go on from the offset it tells
  +-------------- it is not known any more, or does not go on: begin again

A registry of this machine may take the file as it is instead (`Place`), between begin and done; where it does not, the
session goes on.

Both ways back are bounded: by `RetryPolicy.attempts` in a row in which the offset did not grow, and over all by 100.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import BinaryIO
from urllib.parse import quote, urljoin, urlsplit

from registry.client.distribution import Place
from registry.client.endpoint import origin_of
from registry.client.errors import (
    ClientError,
    Denied,
    InvalidAnswer,
    NotFound,
    RegistryError,
    Unauthorized,
    Unreachable,
)
from registry.client.requester import PULL, PUSH, Requester, scope
from registry.client.response import Response
from registry.client.transport import RetryPolicy

_PIECE = 1 << 18
_SMALL = 1 << 16
"""Bytes of a blob that goes with the closing PUT: one request less."""

_MOST_RESUMES = 100
_RANGE = re.compile(r"(?:bytes=)?(\d{1,19})-(\d{1,19})")
_OCTETS = {"Content-Type": "application/octet-stream"}
_AGAIN = frozenset({404, 409, 416, 500, 502, 503, 504})
"""What an upload session may say for "not like this, not now": the status tells more."""

_LOST = frozenset({"BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "RANGE_INVALID"})
"""Codes of a 400 that say so too; one for a wrong digest does not."""


class SourceFailed(Exception):
    """The caller's own reader failed; not an OSError, so that it is not taken for one of the connection."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Upload:
    """Of one blob into one repository."""

    def __init__(
        self,
        requester: Requester,
        retry: RetryPolicy,
        name: str,
        digest: str,
        size: int,
        open_at: Callable[[int], BinaryIO],
        progress: Callable[[int], None] | None,
        chunk: int | None,
        place: Place | None = None,
    ) -> None:
        self._requester = requester
        self._retry = retry
        self._uploads = f"v2/{name}/blobs/uploads/"
        self._blob = f"v2/{name}/blobs/{digest}"
        self._name = name
        self._digest = digest
        self._size = size
        self._open_at = open_at
        self._progress = progress or (lambda _: None)
        self._chunk = chunk
        self._place = place if size > _SMALL else None
        self._scopes = scope(name, PUSH)
        self._what = f"{requester.origin.netloc}/{name}: blob {digest}"
        self._location = ""
        self._offset = 0
        self._resumed = False
        self._closing = False

    def run(self, source: str = "") -> bool:
        """Upload, or mount from repository `source`; False when it was mounted."""
        if not self._begin(source):
            return False
        best, fruitless, left = 0, 0, _MOST_RESUMES
        failed: Unreachable | RegistryError | None = None
        if self._place is not None:
            try:
                if self._adopted(self._place):
                    return True
            except Unreachable as error:
                failed = error
        while True:
            try:
                if failed is not None and self._recover(refused=isinstance(failed, RegistryError)):
                    return True
                self._go_on()
                return True
            except SourceFailed as error:
                raise error.reason from None
            except (Unreachable, RegistryError) as error:
                fruitless = 0 if self._offset > best else fruitless + 1
                best = max(best, self._offset)
                left -= 1
                if not _may_recover(error) or fruitless >= self._retry.attempts or left == 0:
                    raise
                failed = error
            # The registry needs a moment to miss us, too.
            (self._retry.longer if fruitless > 1 else self._retry).wait(max(fruitless, 1))

    def cancel(self) -> None:
        """Let the registry forget it. Raises nothing: it does so by itself in time."""
        try:
            self._send("DELETE", self._location).close()
        except ClientError:
            return

    def mount(self, source: str) -> bool:
        """Only mount; False, and no session is left, when the registry does not."""
        if self._begin(source):
            self.cancel()
            return False
        return True

    def _begin(self, source: str = "") -> bool:
        """Open a session; False when the blob was mounted instead."""
        url, scopes = self._uploads, self._scopes
        if source:
            url += f"?mount={quote(self._digest, safe=':')}&from={quote(source, safe='')}"
            scopes = scopes | scope(source, PULL)
        try:
            opened = self._requester.send("POST", url, scopes, self._what, headers={"Content-Length": "0"})
        except (Unauthorized, Denied):
            # It may be the source that may not be read.
            if not source:
                raise
            return self._begin()
        with opened as answer:
            if answer.status == 201 and source:
                return False
            self._take(answer, offset=0)
            least = answer.header("OCI-Chunk-Min-Length")
        if self._chunk is not None and least.isascii() and least.isdigit():
            self._chunk = max(self._chunk, int(least[:18]))
        return True

    def _adopted(self, place: Place) -> bool:
        """Have the registry take the file; whether it did. Raises Unreachable: it may have."""
        upload = urlsplit(self._location).path.rpartition("/")[2].partition(".")[0]  # what follows says where it stood
        with place(upload) as placed:
            if not placed:
                return False
            self._closing = True
            try:
                with self._send("PUT", f"{self._closed_at()}&adopt=file", headers={"Content-Length": "0"}) as answer:
                    taken = answer.status == 201
                ended = False
            except RegistryError as error:
                taken, ended = False, "DIGEST_INVALID" in error.codes
            self._closing = False
        if ended:
            self._begin()
        if taken:
            self._progress(self._size)
        return taken

    def _closed_at(self) -> str:
        joint = "&" if "?" in self._location else "?"
        return f"{self._location}{joint}digest={quote(self._digest, safe='')}"

    def _go_on(self) -> None:
        """Send what is missing and close."""
        small = self._size <= _SMALL and self._chunk is None
        while not small and self._offset < self._size:
            end = self._size if self._chunk is None else min(self._size, self._offset + self._chunk)
            self._patch(end)
        self._close(self._size)

    def _patch(self, end: int) -> None:
        start = self._offset
        headers = {**_OCTETS, "Content-Length": str(end - start)}
        if start or end < self._size or self._resumed:
            # The registry may have taken more by now than it told: it must not append what it has.
            headers["Content-Range"] = f"{start}-{end - 1}"
        with self._send("PATCH", self._location, headers=headers, body=lambda: self._bytes(start, end)) as answer:
            self._take(answer, offset=end)

    def _close(self, end: int) -> None:
        start = self._offset
        self._closing = True
        headers = {**_OCTETS, "Content-Length": str(end - start)}
        if 0 < start < end:
            headers["Content-Range"] = f"{start}-{end - 1}"
        with self._send("PUT", self._closed_at(), headers=headers, body=lambda: self._bytes(start, end)) as answer:
            if answer.status not in (201, 204):
                raise InvalidAnswer(f"{self._what}: the upload was closed and the answer is {answer.status}, not 201")
        self._offset = end

    def _recover(self, *, refused: bool) -> bool:
        """Know where the registry is; True when it has the whole blob by now.

        A session that `refused` to go on from where its status still says it is will refuse again: a new one then.
        """
        # Its last answer may have been lost on the way: a session that ended well is as unknown as any other.
        if self._closing and self._is_there():
            return True
        before, self._resumed, self._closing = self._offset, True, False
        try:
            with self._send("GET", self._location) as answer:
                self._take(answer, offset=0)
        except RegistryError as error:
            if not _may_recover(error):
                raise
        else:
            if not refused or self._offset != before:
                return False
        self._begin()
        self._resumed = False
        return False

    def _is_there(self) -> bool:
        try:
            with self._requester.send("HEAD", self._blob, self._scopes, self._what) as answer:
                if answer.length != self._size:
                    return False
        except NotFound:
            return False
        self._progress(self._size)
        return True

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: Callable[[], Generator[bytes, None, None]] | None = None,
    ) -> Response:
        repeatable = method == "GET"
        return self._requester.send(
            method, url, self._scopes, self._what, headers=headers, body=body, repeatable=repeatable
        )

    def _take(self, answer: Response, offset: int) -> None:
        """Where to go on and from which offset, `offset` where the answer does not say."""
        location = answer.header("Location")
        if location:
            url = urljoin(answer.url, location)
            if origin_of(url) != answer.origin:
                self._elsewhere(url)
            self._location = url
        if not self._location:
            raise InvalidAnswer(f"{self._what}: the registry opened an upload and named no location for it")
        found = _RANGE.fullmatch(answer.header("Range").strip())
        # Without a byte the range should be absent; most registries say 0-0, which is also that of one byte.
        held = int(found[2]) + 1 if found is not None and found[2] != "0" else offset
        if held > self._size:
            raise InvalidAnswer(f"{self._what}: the registry holds {held} bytes of an upload of {self._size}")
        self._offset = held
        self._progress(held)

    def _elsewhere(self, url: str) -> None:
        """Refuse a location to which the same host's credentials would have to go in the clear."""
        there, here = origin_of(url), self._requester.origin
        if there.scheme == "http" and here.scheme == "https" and there.host == here.host:
            raise InvalidAnswer(
                f"{self._what}: the registry names {there} to upload to; it does not know that it is reached by "
                "https, so let its proxy set X-Forwarded-Proto, or the registry give relative locations"
            )

    def _bytes(self, start: int, end: int) -> Generator[bytes, None, None]:
        """The blob's bytes from start to end, told as they go."""
        if start == end:
            return
        try:
            with self._open_at(start) as source:
                while start < end:
                    data = source.read(min(_PIECE, end - start))
                    if not data:
                        raise EOFError(f"{self._what}: its file ends at byte {start} of {self._size}")
                    yield data
                    start += len(data)
                    self._progress(start)
        except Exception as error:
            raise SourceFailed(error) from error


def _may_recover(error: Unreachable | RegistryError) -> bool:
    return isinstance(error, Unreachable) or error.status in _AGAIN or bool(error.codes & _LOST)
