"""Fetches one blob into a content store: resumed by Range where an earlier try ended, and verified at its end.

While the bytes come, a `GrowingBlob` has them for readers. What came is kept when a fetch fails or is ended, and the
next one, of any process over the same storage, goes on there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import BinaryIO, Protocol

from registry.client.errors import ClientError, SizeMismatch, TooManyRequests, Unavailable, Unreachable
from registry.oci.descriptor import Descriptor
from storage.content import ContentStore, Ingest, IngestState
from storage.digest import Digest
from storage.driver import Driver
from storage.errors import DigestMismatch, NotFound
from storage.growing import GrowingBlob

ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 30.0
WORTH_ANOTHER_TRY = (Unreachable, TooManyRequests, Unavailable)

_BLOCK = 1024 * 1024
_CHECK_SECONDS = 0.1
_UNKNOWN = IngestState(0, {}, "")


class Opener(Protocol):
    """Opens a blob at an offset, for one attempt; the reader is closed afterwards."""

    def __call__(self, descriptor: Descriptor, offset: int, /) -> BinaryIO: ...


class Watcher(Protocol):
    """Follows a fetch."""

    def received(self, offset: int) -> None:
        """So many bytes are here."""

    def verifying(self) -> None:
        """All bytes are here."""

    def retrying(self, seconds: float) -> None:
        """An attempt failed; the next one begins after this pause."""


class BlobFetch:
    """Into the partial file `partial` of `content`, whose driver is `driver`; one fetch at a time has that file.

    `check` is called between blocks and in pauses, and may raise to end the fetch, resumably.
    """

    def __init__(
        self,
        driver: Driver,
        content: ContentStore,
        partial: str,
        blob: Descriptor,
        opener: Opener,
        watcher: Watcher,
        check: Callable[[], None],
        growing: GrowingBlob | None = None,
    ) -> None:
        self._driver = driver
        self._content = content
        self._partial = partial
        self._blob = blob
        self._digest = Digest.parse(blob.digest)
        self._open = opener
        self._watcher = watcher
        self._check = check
        self._growing = growing

    def run(self) -> None:
        """Have the blob in the store. Raises the last attempt's ClientError; what came until then is kept.

        Raises storage's DigestMismatch or SizeMismatch when the registry has other bytes than the descriptor says.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._try()
                return
            except WORTH_ANOTHER_TRY as error:
                if attempt == ATTEMPTS:
                    raise
                self._pause(error, attempt)

    def _pause(self, error: ClientError, attempt: int) -> None:
        asked: float | None = getattr(error, "retry_after", None)
        pause = min(asked or 0.5 * 2**attempt, LONGEST_PAUSE_SECONDS)
        self._watcher.retrying(pause)
        end = time.monotonic() + pause
        while time.monotonic() < end:
            self._check()
            time.sleep(_CHECK_SECONDS)

    def _try(self) -> None:
        ingest = self._begin()
        resumed = ingest.offset > 0
        try:
            if self._growing is not None:
                self._growing.begin(self._driver.open(self._partial), ingest.offset)
            if ingest.offset < self._blob.size:
                self._copy(ingest)
        except BaseException:
            ingest.suspend()
            raise
        self._watcher.verifying()
        try:
            ingest.commit(self._digest)
        except DigestMismatch:
            if not resumed:
                raise
            self._try()  # what an earlier try left may be what is wrong
        except BaseException:
            ingest.cancel()
            raise

    def _begin(self) -> Ingest:
        try:
            ingest = self._content.resume(self._partial, _UNKNOWN, self._digest.algorithm)
        except NotFound:
            return self._content.begin(self._partial, self._digest.algorithm)
        if ingest.offset > self._blob.size:
            ingest.cancel()
            return self._content.begin(self._partial, self._digest.algorithm)
        return ingest

    def _copy(self, ingest: Ingest) -> None:
        size = self._blob.size
        self._watcher.received(ingest.offset)
        with self._open(self._blob, ingest.offset) as reader:
            while ingest.offset < size:
                self._check()
                data = reader.read(min(_BLOCK, size - ingest.offset))
                if not data:
                    raise SizeMismatch(self._blob.digest, size, ingest.offset)
                ingest.write(data)
                if self._growing is not None:
                    self._growing.grown(ingest.offset)
                self._watcher.received(ingest.offset)
