"""Taking out what no image needs any more: names first, then snapshots from the top of their stacks, then blobs.

The collector holds the lock of the index, so that nothing gets a name meanwhile, and leaves what is leased.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from registry.oci.errors import ManifestInvalid
from runtime.images import config, paths
from runtime.images.errors import BadImage
from runtime.images.image import layers_of
from runtime.images.images import LARGEST_MANIFEST, Images
from runtime.images.index import Index
from runtime.images.leases import leased
from runtime.snapshots.errors import InUse
from runtime.snapshots.errors import NotFound as NoSnapshot
from storage import paths as stored
from storage.digest import Digest
from storage.errors import NotFound

_EVERYTHING = "*"


class Needs(NamedTuple):
    """What images need: blobs by digest, unpacked layers by chain id."""

    blobs: set[str]
    chains: set[str]


def needs(images: Images, found: Index, only: Iterable[str] | None = None) -> Needs:
    """What the images of an index need, or those with the ids in `only`. One that is damaged needs what can be read."""
    wanted = set(found.images) if only is None else set(only)
    manifests = {named.manifest for named in found.names.values() if named.image in wanted}
    manifests |= {found.images[one].manifest for one in wanted & found.images.keys()}
    needed = Needs(manifests | wanted, set())
    for manifest in manifests:
        try:
            read = layers_of(images.bytes_of(manifest, LARGEST_MANIFEST))
        except (BadImage, ManifestInvalid):
            continue
        needed.blobs.update(layer.digest for layer in read.layers)
    for one in wanted:
        try:
            needed.chains.update(config.chain_ids(config.read(images.bytes_of(one, config.LARGEST)).diff_ids))
        except BadImage:
            continue
    return needed


def collect(images: Images, found: Index, candidates: Needs | None) -> int:
    """Remove, of the candidates or of all there is, what no image needs and no lease has; the bytes that came free.

    Called while holding the index `found`, which no longer has what is to go.
    """
    kept, held = needs(images, found), leased(images.root)
    if _EVERYTHING in held:
        return 0
    freed = 0
    chains = set(images.layers.chains()) if candidates is None else candidates.chains
    for chain in _from_the_top(images, chains - kept.chains - held):
        freed += _remove_chain(images, chain)
    digests = set(blobs(images)) if candidates is None else candidates.blobs
    for digest in digests - kept.blobs - held:
        freed += _remove_blob(images, digest)
    return freed


def _from_the_top(images: Images, chains: set[str]) -> list[str]:
    """Those that stand on others first."""
    below: dict[str, str | None] = {}
    for chain in chains:
        try:
            below[chain] = images.layers.parent(chain)
        except NoSnapshot:
            continue
    ordered: list[str] = []
    left = dict(below)
    while left:
        standing = left.keys() - set(left.values())
        assert standing, "parents of snapshots make no circle"
        ordered += standing
        left = {chain: parent for chain, parent in left.items() if chain not in standing}
    return ordered


def _remove_chain(images: Images, chain: str) -> int:
    try:
        size = images.layers.usage(chain)
        images.layers.remove(chain)
    except (NoSnapshot, InUse):
        return 0  # gone already, or a container stands on it
    return size


def _remove_blob(images: Images, digest: str) -> int:
    parsed = Digest.parse(digest)
    path = stored.blob_data(parsed)
    try:
        size = images.driver.stat(path).size
        images.content.delete(parsed)
    except NotFound:
        return 0
    return size


def blobs(images: Images) -> Iterator[str]:
    """The digests of all blobs in the content."""
    driver = images.driver
    for algorithm in driver.list(stored.BLOBS):
        for digits in driver.list(f"{stored.BLOBS}/{algorithm}"):
            for name in driver.list(f"{stored.BLOBS}/{algorithm}/{digits}"):
                yield f"{algorithm}:{name}"


def partials(images: Images) -> list[str]:
    """Stored paths of what came in and was cut off."""
    return [f"{paths.PARTIAL}/{name}/data" for name in images.driver.list(paths.PARTIAL)]
