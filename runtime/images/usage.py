"""What images take on the disk: each by itself, what they share, and what would come free."""

from typing import NamedTuple

from runtime.images import index
from runtime.images.collect import blobs, needs
from runtime.images.image import Image
from runtime.images.images import Images
from runtime.images.remove import Users
from runtime.snapshots.errors import NotFound as NoSnapshot
from storage import paths as stored
from storage.digest import Digest
from storage.errors import NotFound


class ImageUsage(NamedTuple):
    """Bytes of its layers unpacked: those others have too, those it has alone; how many containers are made of it."""

    image: Image
    shared: int
    unique: int
    containers: int


class Usage(NamedTuple):
    """`layers` are the bytes of all layers unpacked, `content` of all that is kept compressed, both once."""

    images: list[ImageUsage]
    layers: int
    content: int
    reclaimable: int


def usage(images: Images, users: Users) -> Usage:
    """Measure all images; what is reclaimable is of those without a container, and of what belongs to no image."""
    found = index.read(images.root)
    everything = images.all()
    chains = {chain: _unpacked(images, chain) for chain in images.layers.chains()}
    sizes = {digest: _kept(images, digest) for digest in blobs(images)}
    counts: dict[str, int] = {}
    for image in everything:
        for chain in image.chains:
            counts[chain] = counts.get(chain, 0) + 1
    rows = []
    for image in everything:
        shared = sum(chains.get(chain, 0) for chain in image.chains if counts[chain] > 1)
        alone = sum(chains.get(chain, 0) for chain in image.chains if counts[chain] == 1)
        rows.append(ImageUsage(image, shared, alone, len(users.get(image.id, ()))))
    used = needs(images, found, [image.id for image in everything if users.get(image.id)])
    free = sum(size for chain, size in chains.items() if chain not in used.chains)
    free += sum(size for digest, size in sizes.items() if digest not in used.blobs)
    return Usage(rows, sum(chains.values()), sum(sizes.values()), free)


def _unpacked(images: Images, chain: str) -> int:
    try:
        return images.layers.usage(chain)
    except NoSnapshot:
        return 0


def _kept(images: Images, digest: str) -> int:
    try:
        return images.driver.stat(stored.blob_data(Digest.parse(digest))).size
    except NotFound:
        return 0
