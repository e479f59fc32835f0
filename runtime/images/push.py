"""Pushing: blobs side by side, what the registry has is not sent, what a repository of it has is mounted."""

import functools
from collections.abc import Sequence
from typing import BinaryIO, Final, NamedTuple

from registry.client.distribution import Distribution
from registry.oci import mediatypes
from registry.oci.descriptor import Descriptor
from runtime.images import origins
from runtime.images.compress import compressed
from runtime.images.image import layers_of, short
from runtime.images.images import LARGEST_MANIFEST, Images
from runtime.images.index import Named
from runtime.images.local_registry import LocalRegistry
from runtime.images.names import Name, familiar, short_repository
from runtime.images.progress import Progress, Status
from runtime.images.workers import Workers
from storage.digest import Digest

_AT_ONCE: Final = 5


class Pushed(NamedTuple):
    """The digest of the manifest in the registry, and its bytes."""

    digest: str
    size: int


def push(
    images: Images, registry: Distribution, name: Name, progress: Progress, local: LocalRegistry | None = None
) -> Pushed:
    """Give the image that `name` means here that name in its registry, with the layers as they came.

    Files are given to a `local` registry, and not their bytes sent. Raises ImagesError, ClientError, StorageError.
    """
    progress.say(f"The push refers to repository [{name.place}]")
    image = images.get(str(name))
    with images.lease(["*"]):
        before = images.manifest_of(str(name))
        payload = images.bytes_of(before, LARGEST_MANIFEST)
        packed = compressed(images, payload, layers_of(payload).layers, lambda layer: _tell(progress, layer))
        digest = images.put_small(packed)
        manifest = layers_of(packed)
        _blobs(images, registry, name, progress, manifest.layers, local)
        if manifest.config is not None:
            _blob(images, registry, name, None, origins.read(images.root), manifest.config)
        registry.push_manifest(name.repository, name.reference, packed, manifest.media_type)
        with images.changing() as found:
            record = found.images[image.id]
            record.manifest = digest if record.manifest == before else record.manifest
            found.names[str(name)] = Named(image.id, digest)
            found.names[str(name._replace(tag="", digest=digest))] = Named(image.id, digest)
    sent = [image.id, *(layer.digest for layer in manifest.layers if not _foreign(layer))]
    origins.note(images.root, name, sent)
    images.told("push", familiar(name, images.default), short_repository(name, images.default))
    return Pushed(digest, len(packed))


def _tell(progress: Progress, layer: Descriptor) -> None:
    progress.layer(short(layer.digest), Status.COMPRESSING)


def _foreign(layer: Descriptor) -> bool:
    return bool(layer.urls) or layer.media_type in mediatypes.NON_DISTRIBUTABLE


def _blobs(
    images: Images,
    registry: Distribution,
    name: Name,
    progress: Progress,
    layers: Sequence[Descriptor],
    local: LocalRegistry | None,
) -> None:
    known = origins.read(images.root)
    unique = {layer.digest: layer for layer in layers}
    with Workers(_AT_ONCE) as workers:
        futures = []
        for layer in unique.values():
            progress.layer(short(layer.digest), Status.SKIPPED if _foreign(layer) else Status.PREPARING)
            if not _foreign(layer):
                work = functools.partial(_blob, images, registry, name, progress, known, layer, workers, local)
                futures.append(workers.submit(work))
        for future in futures:
            workers.result(future)


def _blob(
    images: Images,
    registry: Distribution,
    name: Name,
    progress: Progress | None,
    known: dict[str, list[str]],
    blob: Descriptor,
    workers: Workers | None = None,
    local: LocalRegistry | None = None,
) -> None:
    """Have one blob in the repository; it is asked for, mounted or sent."""
    label = short(blob.digest)

    def tell(status: Status, done: int = 0, more: str = "") -> None:
        if progress is not None:
            progress.layer(label, status, done, blob.size, more)

    def sent(done: int) -> None:
        if workers is not None:
            workers.check()
        tell(Status.PUSHING, done)

    def open_at(offset: int) -> BinaryIO:
        return images.content.open(Digest.parse(blob.digest), blob.size, offset)

    if registry.has_blob(name.repository, blob.digest) == blob.size:
        tell(Status.THERE)
        return
    source = origins.source(known.get(blob.digest, ()), name)
    giving = None if local is None else local.giving(images, Digest.parse(blob.digest))
    if registry.push_blob(name.repository, blob.digest, blob.size, open_at, sent, source=source, place=giving):
        tell(Status.SHARED if giving is not None and giving.taken else Status.PUSHED)
    else:
        tell(Status.MOUNTED, more=source)
