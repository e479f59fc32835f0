"""One blob comes in: fetched by one of all processes that want it, or shared with a registry of this machine."""

from collections.abc import Callable

from registry.client.errors import ClientError, RegistryError, SizeMismatch
from registry.client.fetch import WORTH_ANOTHER_TRY, BlobFetch, Opener
from registry.oci.descriptor import Descriptor
from runtime.images import locks, paths
from runtime.images.errors import BadImage, Interrupted
from runtime.images.image import short
from runtime.images.images import Images
from runtime.images.local_registry import LocalRegistry
from runtime.images.progress import Progress, Status
from storage.digest import Digest
from storage.errors import DigestMismatch
from storage.growing import GrowingBlob


class Download:
    """Blobs into the content of `images`; `check` is called between blocks and may raise to end it, resumably.

    What a `local` registry has is shared, and not fetched.
    """

    def __init__(
        self,
        images: Images,
        opener: Opener,
        progress: Progress,
        check: Callable[[], None],
        local: LocalRegistry | None = None,
    ) -> None:
        self._images = images
        self._open = opener
        self._progress = progress
        self._check = check
        self._local = local

    def fetch(self, blob: Descriptor, growing: GrowingBlob | None = None) -> bool:
        """Have the blob here; whether bytes had to be fetched. While they come, `growing` has them to be read.

        Raises Interrupted when it cannot be had in several attempts (what came is kept), BadImage when the registry
        has other bytes than the digest says.
        """
        digest = Digest.parse(blob.digest)
        with locks.held(paths.busy(self._images.root, digest), lambda: self._wait(blob)):
            if self._images.has_blob(blob.digest, blob.size):
                return False
            if self._local is not None and self._local.share(self._images, blob, self._check):
                self._progress.layer(short(blob.digest), Status.SHARED)
                return True
            self._fetch(blob, paths.partial(digest), growing)
        return True

    def _wait(self, blob: Descriptor) -> None:
        self._progress.layer(short(blob.digest), Status.WAITING)
        self._check()

    def _fetch(self, blob: Descriptor, partial: str, growing: GrowingBlob | None) -> None:
        name = short(blob.digest)
        watcher = _Watcher(self._progress, blob)
        images = self._images
        try:
            BlobFetch(images.driver, images.content, partial, blob, self._open, watcher, self._check, growing).run()
        except SizeMismatch as error:
            raise BadImage(f"layer {name} has {error.actual} bytes in the registry, not {error.expected}") from None
        except DigestMismatch as error:
            raise BadImage(f"layer {name} of the registry is damaged: {error}") from None
        except ClientError as error:
            if isinstance(error, RegistryError) and not isinstance(error, WORTH_ANOTHER_TRY):
                raise
            raise Interrupted(f"layer {name} could not be fetched: {error}") from error


class _Watcher:
    """Shows a fetch as docker does."""

    def __init__(self, progress: Progress, blob: Descriptor) -> None:
        self._progress = progress
        self._name = short(blob.digest)
        self._size = blob.size

    def received(self, offset: int) -> None:
        self._progress.layer(self._name, Status.DOWNLOADING, offset, self._size)

    def verifying(self) -> None:
        self._progress.layer(self._name, Status.VERIFYING)

    def retrying(self, seconds: float) -> None:
        self._progress.layer(self._name, Status.RETRYING, more=f"in {seconds:.0f} seconds")
