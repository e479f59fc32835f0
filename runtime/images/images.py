"""`Images`: what has which name here. Everything that brings images in or takes them out goes by it.

Content is `storage` itself, unpacked layers are snapshots; this room adds the index of names, and sees to it that what
a name means is there: blobs and layers come first, the name last, and on the way out the name goes first.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from runtime.images import config, index, paths
from runtime.images.errors import Ambiguous, BadImage, ImagesError, InvalidName, NoSuchImage
from runtime.images.image import Image, layers_of
from runtime.images.index import Index, Named, Record
from runtime.images.leases import lease
from runtime.images.names import HUB, Name, familiar, parse, tagged
from runtime.snapshots.snapshots import Snapshots
from storage import paths as stored
from storage.digest import Digest
from storage.errors import NotFound

if TYPE_CHECKING:
    from storage.content import ContentStore
    from storage.driver import Driver

LARGEST_MANIFEST = 4 * 1024 * 1024

Told = Callable[[str, str, str], None]
"""Is told what happens to images: docker's word for it, the id (of pulls and pushes the name), and a name."""


def _nobody(action: str, id: str, name: str) -> None:
    """Nothing is reported."""


class Images:
    """See the module. `root` is the data root; `layers` opens the snapshots; `default` is the registry of names
    without one; `told` is called when something has happened."""

    def __init__(
        self, root: Path, layers: Callable[[], Snapshots], *, default: str = HUB, told: Told = _nobody
    ) -> None:
        self.root = root
        self.default = default
        self.told = told
        self._open_layers = layers

    @functools.cached_property
    def layers(self) -> Snapshots:
        """Unpacked layers, opened when first used."""
        return self._open_layers()

    @functools.cached_property
    def driver(self) -> Driver:
        """Of the content, opened when first used."""
        opened = import_module("storage.drivers").load("filesystem", path=str(paths.content(self.root)))
        return cast("Driver", import_module("storage.checked").Checked(opened))

    @functools.cached_property
    def content(self) -> ContentStore:
        """Blobs by digest."""
        return cast("ContentStore", import_module("storage.content").ContentStore(self.driver))

    # Reading

    def get(self, text: str) -> Image:
        """The image of a name, an id or the unambiguous beginning of one. Raises NoSuchImage, Ambiguous."""
        found = index.read(self.root)
        return self.image(found, self.resolve(found, text))

    def find(self, text: str) -> Image | None:
        """The same, None when it is not here."""
        try:
            return self.get(text)
        except (NoSuchImage, InvalidName):
            return None

    def all(self) -> list[Image]:
        """All images, the newest first."""
        found = index.read(self.root)
        known = [self.image(found, one, damaged=True) for one in found.images]
        return sorted(known, key=lambda image: image.created, reverse=True)

    def resolve(self, found: Index, text: str) -> str:
        """The id that a name or id means in an index. Raises NoSuchImage, Ambiguous."""
        if text in found.images:
            return text
        named = found.names.get(self.key(text))
        if named is not None:
            return named.image
        digits = text.removeprefix("sha256:")
        begun = [one for one in found.images if digits and one.startswith(f"sha256:{digits}")]
        if len(begun) > 1:
            raise Ambiguous(f"several images have ids that begin with {digits}, write more of it")
        if not begun:
            raise NoSuchImage(f"no such image: {text[:200]}")
        return begun[0]

    def key(self, text: str) -> str:
        """What a name is kept as; empty when the text cannot be a name."""
        try:
            name = tagged(text, self.default)
        except InvalidName:
            return ""
        return str(name._replace(tag="") if name.digest else name)

    def image(self, found: Index, image_id: str, *, damaged: bool = False) -> Image:
        """Raises BadImage when its config cannot be read; with `damaged` it is then one that runs nothing."""
        record = found.images[image_id]
        try:
            read = self._config(image_id)
        except BadImage:
            if not damaged:
                raise
            read = config.Config({}, [], "")
        names = [name for name, named in found.names.items() if named.image == image_id]
        return Image(
            id=image_id,
            manifest=record.manifest,
            config=read,
            names=sorted(name for name in names if "@" not in name),
            digests=sorted(name for name in names if "@" in name),
            size=record.size,
            named=record.named,
        )

    def _config(self, image_id: str) -> config.Config:
        """As whoever starts a container wants it: the driver takes longer to open than a file to read. It is asked if
        the file is not as it should be, as after a power cut it may know better. Raises BadImage."""
        path = paths.content(self.root) / stored.blob_data(Digest.parse(image_id))
        with contextlib.suppress(OSError, BadImage), path.open("rb") as file:
            return config.read(file.read(config.LARGEST + 1))
        return config.read(self.bytes_of(image_id, config.LARGEST))

    def bytes_of(self, digest: str, limit: int) -> bytes:
        """A small blob. Raises BadImage when it is not there or too large."""
        try:
            payload = self.driver.read(stored.blob_data(Digest.parse(digest)), limit + 1)
        except NotFound:
            raise BadImage(f"the content of the image is not here any more ({digest}), pull it again") from None
        if len(payload) > limit:
            raise BadImage(f"{digest} has more than {limit} bytes")
        return payload

    def manifest_of(self, text: str) -> str:
        """The digest of the manifest that a name came with, or of the image."""
        found = index.read(self.root)
        named = found.names.get(self.key(text))
        return named.manifest if named is not None else found.images[self.resolve(found, text)].manifest

    def has_blob(self, digest: str, size: int) -> bool:
        """Whether a blob is here, by name and size."""
        try:
            return self.driver.stat(stored.blob_data(Digest.parse(digest))).size == size
        except NotFound:
            return False

    # Writing

    def lease(self, digests: Iterable[str]) -> AbstractContextManager[None]:
        """Keep blobs and chains while the block runs; see `leases`."""
        return lease(self.root, digests)

    @contextmanager
    def changing(self) -> Iterator[Index]:
        """The index, locked, and stored when the block ends well."""
        with index.changing(self.root) as found:
            yield found

    def put_small(self, payload: bytes) -> str:
        """Store a manifest or config; its digest."""
        digest = Digest.of(payload)
        if not self.has_blob(str(digest), len(payload)):
            [error] = self.content.put_group([(digest, payload)])
            if error is not None:
                raise error
        return str(digest)

    def add(self, image_id: str, manifest: str, names: Iterable[Name]) -> Image:
        """Make an image known under names; its content and layers are there, and leased.

        Raises BadImage when the manifest and the config do not belong together.
        """
        read = config.read(self.bytes_of(image_id, config.LARGEST))
        layers = layers_of(self.bytes_of(manifest, LARGEST_MANIFEST)).layers
        if len(layers) != len(read.diff_ids):
            raise BadImage(f"the image has {len(layers)} layers, but its config tells of {len(read.diff_ids)}")
        missing = [chain for chain in config.chain_ids(read.diff_ids) if not self.layers.has(chain)]
        if missing:
            raise ImagesError(f"layer {missing[0]} of the image is not unpacked")
        size = sum(self.layers.usage(chain) for chain in config.chain_ids(read.diff_ids))
        with self.changing() as found:
            found.images[image_id] = Record(manifest, size, time.time())
            for name in names:
                found.names[str(name)] = Named(image_id, manifest)
            return self.image(found, image_id)

    def tag(self, source: str, target: str) -> None:
        """Give an image one more name. Raises NoSuchImage, InvalidName."""
        if parse(target, self.default).digest:
            raise InvalidName(f"{target[:200]} cannot be given as a name: it has a digest")
        with self.changing() as found:
            image_id = self.resolve(found, source)
            named = found.names.get(self.key(source))
            manifest = named.manifest if named is not None else found.images[image_id].manifest
            name = tagged(target, self.default)
            found.names[str(name)] = Named(image_id, manifest)
            found.images[image_id].named = time.time()
        self.told("tag", image_id, familiar(name, self.default))
