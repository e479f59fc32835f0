"""One blob comes in: from where an earlier try left off, by one of however many that want it, and verified."""

import time
from collections.abc import Callable
from typing import BinaryIO, Final, Protocol

from registry.client.errors import ClientError, RegistryError, TooManyRequests, Unavailable, Unreachable
from registry.oci.descriptor import Descriptor
from runtime.images import locks, paths
from storage.growing import GrowingBlob
from runtime.images.errors import BadImage, Interrupted
from runtime.images.image import short
from runtime.images.images import Images
from runtime.images.neighbour import Neighbour
from runtime.images.progress import Progress, Status
from storage.content import Ingest, IngestState
from storage.digest import Digest
from storage.errors import DigestMismatch, NotFound

_BLOCK: Final = 1024 * 1024
_ATTEMPTS: Final = 5
_LONGEST_PAUSE: Final = 30.0
_UNKNOWN: Final = IngestState(0, {}, "")


class Opener(Protocol):
    """Opens a blob at an offset, for one attempt; the reader is closed afterwards."""

    def __call__(self, descriptor: Descriptor, offset: int, /) -> BinaryIO: ...


class Download:
    """Blobs into the content of `images`; `check` is called between blocks and may raise to end it, resumably.

    What a `neighbour` has is shared, and not fetched.
    """

    def __init__(
        self,
        images: Images,
        opener: Opener,
        progress: Progress,
        check: Callable[[], None],
        neighbour: Neighbour | None = None,
    ) -> None:
        self._images = images
        self._open = opener
        self._progress = progress
        self._check = check
        self._neighbour = neighbour

    def fetch(self, blob: Descriptor, growing: GrowingBlob | None = None) -> bool:
        """Have the blob here; whether bytes had to be fetched. While they come, `growing` has them to be read.

        Raises Interrupted when it cannot be had in several attempts (what came is kept), BadImage when the registry
        has other bytes than the digest says.
        """
        digest = Digest.parse(blob.digest)
        with locks.held(paths.busy(self._images.root, digest), lambda: self._wait(blob)):
            if self._images.has_blob(blob.digest, blob.size):
                return False
            if self._neighbour is not None and self._neighbour.share(self._images, blob, self._check):
                self._progress.layer(short(blob.digest), Status.SHARED)
                return True
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    self._try(blob, digest, growing)
                    return True
                except ClientError as error:
                    self._judge(blob, error, attempt)
        return True

    def _wait(self, blob: Descriptor) -> None:
        self._progress.layer(short(blob.digest), Status.WAITING)
        self._check()

    def _judge(self, blob: Descriptor, error: ClientError, attempt: int) -> None:
        """Pause before another attempt, or raise when one is of no use."""
        again = isinstance(error, (Unreachable, TooManyRequests, Unavailable))
        if not again or attempt == _ATTEMPTS:
            if isinstance(error, RegistryError) and not again:
                raise error
            raise Interrupted(f"layer {short(blob.digest)} could not be fetched: {error}") from error
        pause = getattr(error, "retry_after", None) or 0.5 * 2**attempt
        self._progress.layer(short(blob.digest), Status.RETRYING, more=f"in {min(pause, _LONGEST_PAUSE):.0f} seconds")
        end = time.monotonic() + min(pause, _LONGEST_PAUSE)
        while time.monotonic() < end:
            self._check()
            time.sleep(0.1)

    def _try(self, blob: Descriptor, digest: Digest, growing: GrowingBlob | None) -> None:
        ingest = self._begin(blob, digest)
        resumed = ingest.offset > 0
        try:
            if growing is not None:
                growing.begin(self._images.driver.open(paths.partial(digest)), ingest.offset)
            if ingest.offset < blob.size:
                self._copy(blob, ingest, growing)
        except BaseException:
            ingest.suspend()
            raise
        self._progress.layer(short(blob.digest), Status.VERIFYING)
        try:
            ingest.commit(digest)
        except DigestMismatch as error:
            if resumed:  # what an earlier try left may be what is wrong
                self._try(blob, digest, growing)
                return
            raise BadImage(f"layer {short(blob.digest)} of the registry is damaged: {error}") from None
        except BaseException:
            ingest.cancel()
            raise

    def _begin(self, blob: Descriptor, digest: Digest) -> Ingest:
        path = paths.partial(digest)
        try:
            ingest = self._images.content.resume(path, _UNKNOWN, digest.algorithm)
        except NotFound:
            return self._images.content.begin(path, digest.algorithm)
        if ingest.offset > blob.size:
            ingest.cancel()
            return self._images.content.begin(path, digest.algorithm)
        return ingest

    def _copy(self, blob: Descriptor, ingest: Ingest, growing: GrowingBlob | None) -> None:
        name = short(blob.digest)
        self._progress.layer(name, Status.DOWNLOADING, ingest.offset, blob.size)
        with self._open(blob, ingest.offset) as reader:
            while ingest.offset < blob.size:
                self._check()
                data = reader.read(min(_BLOCK, blob.size - ingest.offset))
                if not data:
                    raise BadImage(f"layer {name} has {ingest.offset} bytes in the registry, not {blob.size}")
                ingest.write(data)
                if growing is not None:
                    growing.grown(ingest.offset)
                self._progress.layer(name, Status.DOWNLOADING, ingest.offset, blob.size)
