"""Layers that are here as plain tars (loaded, imported, committed) are compressed once, when they are pushed."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import msgspec
from isal import isal_zlib

from registry.oci import mediatypes
from registry.oci.descriptor import Descriptor
from runtime.images import paths
from runtime.images.images import Images
from storage.digest import Digest

_PLAIN: Final = (mediatypes.OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar")
_BLOCK: Final = 1024 * 1024
_LEVEL: Final = isal_zlib.ISAL_BEST_COMPRESSION
_GZIP: Final = 31
"""zlib's number for the gzip form with its largest window."""


def compressed(
    images: Images, payload: bytes, layers: Sequence[Descriptor], told: Callable[[Descriptor], None]
) -> bytes:
    """The manifest with its plain layers compressed, which are in the content then; the same one if none is plain."""
    document = cast("dict[str, Any]", msgspec.json.decode(payload))
    plain = [place for place, layer in enumerate(layers) if layer.media_type in _PLAIN]
    for place in plain:
        told(layers[place])
        made = _compress(images, layers[place])
        docker = layers[place].media_type != mediatypes.OCI_LAYER
        media_type = mediatypes.DOCKER_LAYER if docker else mediatypes.OCI_LAYER_GZIP
        document["layers"][place] |= {"mediaType": media_type, "digest": made[0], "size": made[1]}
    return msgspec.json.encode(document) if plain else payload


def _compress(images: Images, layer: Descriptor) -> tuple[str, int]:
    """The digest and size of the layer as gzip: without name and time, so that the same layer gives the same bytes."""
    ingest = images.content.begin(paths.new_partial())
    packing = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    try:
        with images.content.open(Digest.parse(layer.digest), layer.size) as reader:
            while data := reader.read(_BLOCK):
                ingest.write(packing.compress(data))
        ingest.write(packing.flush())
        digest = ingest.digest("sha256")
        return str(digest), ingest.commit(digest).size
    finally:
        ingest.cancel()
