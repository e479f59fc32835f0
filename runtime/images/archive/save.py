"""Writing images to a file that is a docker archive and an OCI layout at once, the layers as they are kept."""

import io
import tarfile
from collections.abc import Iterable
from typing import Any, BinaryIO, Final

import msgspec

from registry.oci import mediatypes
from runtime.images import index
from runtime.images.errors import NoSuchImage
from runtime.images.image import layers_of
from runtime.images.images import LARGEST_MANIFEST, Images
from runtime.images.names import Name, familiar, parse
from storage.digest import Digest

_LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
_REFERENCE: Final = "org.opencontainers.image.ref.name"
_FULL_NAME: Final = "io.containerd.image.name"


def save(images: Images, wanted: Iterable[str], out: BinaryIO) -> None:
    """Write images, each by a name, an id, or a repository with all its tags. Raises NoSuchImage, Ambiguous."""
    chosen = _chosen(images, wanted)
    names: dict[str, list[Name]] = {}
    configs: dict[str, str] = {}
    for image_id, manifest, name in chosen:
        configs[manifest] = image_id
        names.setdefault(manifest, []).extend([name] if name is not None else [])
    with images.lease([*configs, *configs.values()]), tarfile.open(fileobj=out, mode="w|") as tar:
        _Writing(images, tar).all(configs, names)
    for image_id in dict.fromkeys(image_id for image_id, _, _ in chosen):
        images.told("save", image_id, image_id)


def _chosen(images: Images, wanted: Iterable[str]) -> list[tuple[str, str, Name | None]]:
    """Image, manifest and name of each."""
    found = index.read(images.root)
    chosen: list[tuple[str, str, Name | None]] = []
    for text in wanted:
        key = images.key(text)
        tags = _tags(images, list(found.names), text)
        if key in found.names or tags:
            for name in tags or [key]:
                named, parsed = found.names[name], parse(name)
                chosen.append((named.image, named.manifest, parsed if parsed.tag else None))
            continue
        image_id = images.resolve(found, text)
        chosen.append((image_id, found.images[image_id].manifest, None))
    if not chosen:
        raise NoSuchImage("no image to save")
    return chosen


def _tags(images: Images, names: Iterable[str], text: str) -> list[str]:
    """All names of a repository, when that is what was said."""
    if not images.key(text):
        return []
    asked = parse(text, images.default)
    if asked.tag or asked.digest:
        return []
    return sorted(name for name in names if parse(name).tag and parse(name).place == asked.place)


class _Writing:
    """One archive; blobs are written once."""

    def __init__(self, images: Images, tar: tarfile.TarFile) -> None:
        self._images = images
        self._tar = tar
        self._written: set[str] = set()

    def all(self, configs: dict[str, str], names: dict[str, list[Name]]) -> None:
        """Blobs first, then what tells of them."""
        described: list[dict[str, Any]] = []
        listed: list[dict[str, Any]] = []
        for manifest, image_id in configs.items():
            payload = self._images.bytes_of(manifest, LARGEST_MANIFEST)
            read = layers_of(payload)
            self._blob(manifest, len(payload))
            for blob in [*([read.config] if read.config else []), *read.layers]:
                self._blob(blob.digest, blob.size)
            described += _described(read.media_type, manifest, len(payload), names[manifest])
            listed.append(
                {
                    "Config": _path(image_id),
                    "RepoTags": [familiar(name, self._images.default) for name in names[manifest]] or None,
                    "Layers": [_path(layer.digest) for layer in read.layers],
                }
            )
        top = {"schemaVersion": 2, "mediaType": mediatypes.OCI_INDEX, "manifests": described}
        self._small("index.json", msgspec.json.encode(top))
        self._small("manifest.json", msgspec.json.encode(listed))
        self._small("oci-layout", _LAYOUT)

    def _blob(self, digest: str, size: int) -> None:
        if digest in self._written:
            return
        self._written.add(digest)
        with self._images.content.open(Digest.parse(digest), size) as reader:
            self._tar.addfile(_entry(_path(digest), size), io.BufferedReader(reader, 1 << 20))  # type: ignore[type-var]

    def _small(self, name: str, data: bytes) -> None:
        self._tar.addfile(_entry(name, len(data)), io.BytesIO(data))


def _described(media_type: str, digest: str, size: int, names: list[Name]) -> list[dict[str, Any]]:
    """The descriptors of a manifest in the layout's index, one for each name."""
    plain: dict[str, Any] = {"mediaType": media_type, "digest": digest, "size": size}
    if not names:
        return [plain]
    return [{**plain, "annotations": {_FULL_NAME: str(name), _REFERENCE: name.tag}} for name in names]


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry
