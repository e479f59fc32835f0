"""Images made here: a layer is taken in as it comes, a config and a manifest are written around it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final, NamedTuple, Self

import msgspec

from registry.oci import mediatypes
from registry.oci.descriptor import Descriptor
from runtime.images import config, paths, platform
from runtime.images.collect import Needs, collect
from runtime.images.image import Image, layers_of
from runtime.images.images import LARGEST_MANIFEST, Images
from runtime.images.names import Name
from runtime.images.platform import Platform
from runtime.images.progress import Progress, Silent
from runtime.images.pull import unpack
from runtime.snapshots.compression import decompressed
from runtime.snapshots.limits import DEFAULT
from storage.digest import Digest, hasher

_BLOCK: Final = 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = (b"\x28\xb5\x2f\xfd", *(bytes((first, 0x2A, 0x4D, 0x18)) for first in range(0x50, 0x60)))
EVERYTHING: Final = ("*",)
"""What is leased while it is not known yet what will come."""


class Layer(NamedTuple):
    """A layer in the content, and the digest of its uncompressed tar."""

    blob: Descriptor
    diff_id: str


class Step(msgspec.Struct, frozen=True):
    """An entry of the history."""

    created: str
    created_by: str = ""
    comment: str = ""
    author: str = ""

    @classmethod
    def now(cls, created_by: str = "", comment: str = "", author: str = "") -> Self:
        """One that is made now."""
        return cls(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), created_by, comment, author)


@contextmanager
def taking(images: Images) -> Iterator[set[str]]:
    """Nothing is collected while the block runs; of the digests it puts into the set, those no image needs go then."""
    taken: set[str] = set()
    try:
        with images.lease(EVERYTHING):
            yield taken
    finally:
        with images.changing() as found:
            collect(images, found, Needs(taken, set()))


def store(images: Images, stream: BinaryIO) -> tuple[str, int]:
    """Take bytes into the content; their digest and size."""
    ingest = images.content.begin(paths.new_partial())
    try:
        while data := stream.read(_BLOCK):
            ingest.write(data)
        digest = ingest.digest("sha256")
        return str(digest), ingest.commit(digest).size
    finally:
        ingest.cancel()


def layer_in(images: Images, digest: str, size: int) -> Layer:
    """The layer that a blob of the content is, compressed or not. Raises SnapshotError when it cannot be read."""
    with images.content.open(Digest.parse(digest), size) as reader:
        media_type = _media_type(reader.read(4))
    if media_type == mediatypes.OCI_LAYER:
        return Layer(Descriptor(media_type, digest, size), digest)
    running = hasher("sha256")
    with images.content.open(Digest.parse(digest), size) as reader:
        for piece in decompressed(reader, DEFAULT):
            running.update(piece)
    return Layer(Descriptor(media_type, digest, size), f"sha256:{running.hexdigest()}")


def _media_type(start: bytes) -> str:
    if start.startswith(_GZIP):
        return mediatypes.OCI_LAYER_GZIP
    return mediatypes.OCI_LAYER_ZSTD if start.startswith(_ZSTD) else mediatypes.OCI_LAYER


def manifest_for(config_digest: str, config_size: int, layers: Sequence[Descriptor]) -> bytes:
    """A manifest of an image."""
    described = [Descriptor(mediatypes.OCI_CONFIG, config_digest, config_size), *layers]
    first, *others = ({"mediaType": one.media_type, "digest": one.digest, "size": one.size} for one in described)
    document = {"schemaVersion": 2, "mediaType": mediatypes.OCI_MANIFEST, "config": first, "layers": others}
    return msgspec.json.encode(document)


def install(
    images: Images, manifest: bytes, config_digest: str, names: Iterable[Name], progress: Progress | None = None
) -> Image:
    """Unpack an image whose content is all here and leased, and give it its names; without any it has its id alone."""
    diff_ids = config.read(images.bytes_of(config_digest, config.LARGEST)).diff_ids
    chains = config.chain_ids(diff_ids)
    digest = images.put_small(manifest)
    for place, layer in enumerate(layers_of(manifest).layers[: len(chains)]):
        parent = chains[place - 1] if place else None
        unpack(images, layer, diff_ids[place], chains[place], parent, progress or Silent())
    return images.add(config_digest, digest, names)


def commit(
    images: Images,
    parent: Image | None,
    stream: BinaryIO,
    run: Mapping[str, Any],
    step: Step,
    names: Iterable[Name] = (),
    wanted: Platform | None = None,
) -> Image:
    """Make an image of a layer (a tar, compressed or not) on top of a parent or of nothing, to run as `run` says.

    Its platform is the parent's; without one, what is wanted, or this machine's.
    """
    with taking(images) as taken:
        digest, size = store(images, stream)
        taken.add(digest)
        layer = layer_in(images, digest, size)
        below: list[Descriptor] = []
        document: dict[str, Any] = {
            **_platform(wanted or platform.host()),
            "rootfs": {"type": "layers", "diff_ids": []},
            "history": [],
        }
        if parent is not None:
            below = layers_of(images.bytes_of(parent.manifest, LARGEST_MANIFEST)).layers
            document |= parent.config.document
        document |= {
            "created": step.created,
            "config": dict(run),
            "rootfs": {"type": "layers", "diff_ids": [*document["rootfs"]["diff_ids"], layer.diff_id]},
            "history": [*(document.get("history") or []), msgspec.to_builtins(_filled(step))],
        } | ({"author": step.author} if step.author else {})
        payload = msgspec.json.encode(document)
        config_digest = images.put_small(payload)
        manifest = manifest_for(config_digest, len(payload), [*below, layer.blob])
        return install(images, manifest, config_digest, names)


def _platform(own: Platform) -> dict[str, str]:
    return {"architecture": own.architecture, "os": own.os} | ({"variant": own.variant} if own.variant else {})


def _filled(step: Step) -> dict[str, str]:
    return {key: value for key, value in msgspec.structs.asdict(step).items() if value}
