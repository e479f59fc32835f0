"""Pulling: the manifest for the platform, its layers side by side, unpacked in order while their bytes still come."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from os import statvfs
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

from registry.client.distribution import Fetched
from registry.client.fetch import Opener
from registry.oci import mediatypes
from registry.oci.descriptor import Descriptor
from registry.oci.errors import ManifestInvalid
from registry.oci.manifest import Manifest
from registry.oci.manifest import parse as parse_manifest
from runtime.images import config, index, origins, platform
from runtime.images.config import Config, chain_ids
from runtime.images.download import Download
from runtime.images.errors import BadImage, ImagesError, NoPlatform
from runtime.images.image import Image, short
from runtime.images.images import Images
from runtime.images.local_registry import LocalRegistry
from runtime.images.names import Name, familiar, short_repository
from runtime.images.platform import Platform
from runtime.images.progress import Progress, Silent, Status
from runtime.images.source import Source
from runtime.images.workers import Workers
from runtime.snapshots.errors import InvalidLayer
from storage.digest import Digest
from storage.growing import Gone, GrowingBlob

_AT_ONCE: Final = 3
_NESTED: Final = 4
_CONFIGS: Final = (mediatypes.OCI_CONFIG, mediatypes.DOCKER_CONFIG)


class Pulled(NamedTuple):
    """`digest` is of what the name means in the registry, an index or a manifest; `newer` whether that is news here."""

    image: Image
    digest: str
    newer: bool


class _Wanted(NamedTuple):
    top: str
    fetched: Fetched
    manifest: Manifest


def pull(
    images: Images,
    source: Source,
    name: Name,
    progress: Progress,
    wanted: Platform | None = None,
) -> Pulled:
    """Have the image that `name` (with a tag or digest) means in its registry; for this machine unless `wanted` says.

    Raises ImagesError, registry.client's ClientError, StorageError; what has come by then is kept for another try.
    """
    found = _manifest(source, name, wanted or platform.host())
    progress.say(f"{name.reference}: Pulling from {name.repository}")
    layers, configured = found.manifest.layers, found.manifest.config
    if configured is None or configured.media_type not in _CONFIGS:
        kind = found.manifest.artifact_type or "unknown"
        raise BadImage(f"{name} is not an image but an artifact of type {kind}")
    before = _present(images, name, found)
    with images.lease([found.fetched.digest, configured.digest, *(layer.digest for layer in layers)]):
        opener = functools.partial(source.blob, name)
        read = config.read(_small(images, Download(images, opener, Silent(), _never), configured))
        _check(read, layers, name, wanted)
        with images.lease(chain_ids(read.diff_ids)):
            _Layers(images, opener, progress, source.local_registry(name)).fetch(layers, read)
            images.put_small(found.fetched.payload)
            by_digest = name._replace(tag="", digest=found.top)
            names = [by_digest] if name.digest else [name, by_digest]
            image = images.add(configured.digest, found.fetched.digest, names)
    origins.note(images.root, name, [configured.digest, *(layer.digest for layer in layers)])
    images.told("pull", familiar(name, images.default), short_repository(name, images.default))
    return Pulled(image, found.top, not before)


def _manifest(source: Source, name: Name, wanted: Platform) -> _Wanted:
    """The image manifest for the platform: what the name means, or what that index has for it."""
    fetched = source.manifest(name, name.reference)
    top = fetched.digest
    for _ in range(_NESTED):
        try:
            manifest = parse_manifest(fetched.payload, fetched.media_type)
        except ManifestInvalid as error:
            raise BadImage(f"{name} cannot be used: {error}") from None
        if not manifest.is_index:
            return _Wanted(top, fetched, manifest)
        chosen = platform.choose(manifest.manifests, wanted, str(name))
        fetched = source.manifest(name, chosen.digest)
    raise BadImage(f"{name} is an index of indexes, {_NESTED} deep; that is not followed further")


def _present(images: Images, name: Name, found: _Wanted) -> bool:
    """Whether this name meant the same here before."""
    named = index.read(images.root).names.get(str(name if not name.digest else name._replace(tag="")))
    return named is not None and named.manifest == found.fetched.digest


def _small(images: Images, download: Download, blob: Descriptor) -> bytes:
    if blob.size > config.LARGEST:
        raise BadImage(f"the config of the image has {blob.size} bytes, at most {config.LARGEST} are taken")
    download.fetch(blob)
    return images.bytes_of(blob.digest, config.LARGEST)


def _check(read: Config, layers: Sequence[Descriptor], name: Name, wanted: Platform | None) -> None:
    if len(layers) != len(read.diff_ids):
        raise BadImage(f"{name} has {len(layers)} layers, but its config tells of {len(read.diff_ids)}")
    if wanted is not None and platform.runs(wanted, platform.of(read.document)) is None:
        raise NoPlatform(f"{name} is not there for {wanted}; it is for {platform.of(read.document)} alone")


def _never() -> None:
    """Nothing ends it but its own failure."""


class _Coming(NamedTuple):
    """A blob that a thread brings in: to be read meanwhile, and to be waited for."""

    growing: GrowingBlob
    done: Future[None]
    unpacking: Workers

    def wait(self) -> None:
        """Until it is here, verified. Raises what its download did, and Stopped."""
        self.unpacking.result(self.done)


class _Layers:
    """The layers of one image on their way in."""

    def __init__(self, images: Images, opener: Opener, progress: Progress, local: LocalRegistry | None) -> None:
        self._images = images
        self._local = local
        self._opener = opener
        self._progress = progress

    def fetch(self, layers: Sequence[Descriptor], read: Config) -> None:
        """Have all blobs, and all layers unpacked; what is there already is not touched."""
        chains = chain_ids(read.diff_ids)
        missing = [layer for layer in layers if not self._images.has_blob(layer.digest, layer.size)]
        _check_space(self._images.root, missing)
        with ExitStack() as files, Workers(_AT_ONCE) as workers, Workers(1) as unpacking:
            download = Download(self._images, self._opener, self._progress, workers.check, self._local)
            coming: dict[str, _Coming] = {}
            for layer, chain in zip(layers, chains, strict=True):
                here = layer not in missing
                whole = here and self._images.layers.has(chain)
                self._progress.layer(short(layer.digest), Status.EXISTS if whole else Status.PULLING)
                if not here and layer.digest not in coming:
                    growing = files.enter_context(closing(GrowingBlob(unpacking.check)))
                    work = functools.partial(self._download, download, layer, growing)
                    coming[layer.digest] = _Coming(growing, workers.submit(work), unpacking)
            # By a thread of its own, so that whoever interrupts this one need not wait for bytes that do not come.
            work_left = functools.partial(self._unpack, unpacking.check, layers, read.diff_ids, chains, coming)
            unpacking.result(unpacking.submit(work_left))

    def _download(self, download: Download, layer: Descriptor, growing: GrowingBlob) -> None:
        try:
            download.fetch(layer, growing)
            self._progress.layer(short(layer.digest), Status.DOWNLOADED)
            growing.over()
        finally:
            growing.failed()

    def _unpack(
        self,
        check: Callable[[], None],
        layers: Sequence[Descriptor],
        diff_ids: Sequence[str],
        chains: Sequence[str],
        coming: dict[str, _Coming],
    ) -> None:
        """All layers, each when its parent is there: from the first bytes on where it still comes in."""
        for place, layer in enumerate(layers):
            parent = chains[place - 1] if place else None
            on_its_way = coming.get(layer.digest)
            if on_its_way is not None:
                if not self._images.layers.has(chains[place]):
                    self._stream(layer, diff_ids[place], parent, on_its_way)
                on_its_way.wait()
            unpack(self._images, layer, diff_ids[place], chains[place], parent, self._progress, check)

    def _stream(self, layer: Descriptor, diff_id: str, parent: str | None, coming: _Coming) -> None:
        """Unpack a layer while it comes in, if it does. Raises what is wrong with it, the download's own trouble first.

        Nothing is made when the bytes of an earlier try were wrong and it came in once more.
        """
        incoming = coming.growing.opened()
        if incoming is None:
            return
        told = _Extracting(self._progress, layer, coming.unpacking.check, coming.growing)
        try:
            self._images.layers.unpack(parent, diff_id, cast(BinaryIO, incoming), told)
        except (InvalidLayer, Gone):
            coming.wait()
            if not coming.growing.is_other:
                raise
        else:
            self._progress.layer(short(layer.digest), Status.PULLED)


class _Extracting:
    """Tells how much of a layer was unpacked; not while it comes in, which is what there is to see then.

    `check` is called as well, and may raise to end it.
    """

    def __init__(
        self, progress: Progress, layer: Descriptor, check: Callable[[], None], growing: GrowingBlob | None = None
    ) -> None:
        self._check = check
        self._progress = progress
        self._layer = layer
        self._growing = growing
        self._done = 0

    def __call__(self, more: int) -> None:
        self._check()
        self._done += more
        if self._growing is None or self._growing.is_over:
            self._progress.layer(short(self._layer.digest), Status.EXTRACTING, self._done, self._layer.size)


def unpack(
    images: Images,
    layer: Descriptor,
    diff_id: str,
    chain: str,
    parent: str | None,
    progress: Progress,
    check: Callable[[], None] = _never,
) -> None:
    """Unpack a layer whose blob is here, unless it is or another process does; `check` may raise to end that.

    Raises SnapshotError for a wrong one.
    """
    if images.layers.has(chain):
        return
    told = _Extracting(progress, layer, check)
    told(0)
    with images.content.open(Digest.parse(layer.digest), layer.size) as reader:
        images.layers.unpack(parent, diff_id, reader, told)
    progress.layer(short(layer.digest), Status.PULLED)


def _check_space(root: Path, missing: Sequence[Descriptor]) -> None:
    """Refuse what cannot fit before anything is fetched; sizes are of the manifest, the layers unpacked need more."""
    folder = next(parent for parent in (root, *root.parents) if parent.exists())
    found = statvfs(folder)
    free, needed = found.f_bavail * found.f_frsize, sum({layer.digest: layer.size for layer in missing}.values())
    if needed > free:
        raise ImagesError(f"the image needs {needed} bytes and {root} has {free} left, free some and pull again")
