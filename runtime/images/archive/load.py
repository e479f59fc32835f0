"""Reading images from a file: its members are taken into the content as they come, then the images are put together.

Both forms name their members, so nothing is unpacked by path: a member is bytes of some digest, and the archive's own
words are looked up among the names.
"""

import posixpath
import re
import tarfile
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NamedTuple, cast

from registry.oci import strict_json
from registry.oci.errors import ManifestInvalid
from registry.oci.manifest import parse as parse_manifest
from runtime.images import building, config, platform
from runtime.images.archive.stream import Pieces
from runtime.images.errors import BadArchive, ImagesError
from runtime.images.image import Image, layers_of
from runtime.images.images import LARGEST_MANIFEST, Images
from runtime.images.names import Name, tagged
from runtime.images.progress import Progress, Status
from runtime.snapshots.compression import decompressed
from runtime.snapshots.limits import DEFAULT
from storage.errors import StorageError

_BLOB: Final = re.compile(r"blobs/(sha256|sha512)/([0-9a-f]{64}(?:[0-9a-f]{64})?)").fullmatch
_MOST_MEMBERS: Final = 100_000
_NESTED: Final = 4
_NAMES: Final = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


class Loaded(NamedTuple):
    """An image and the names that it got."""

    image: Image
    names: list[Name]


class _Member(NamedTuple):
    digest: str
    size: int


def load(images: Images, archive: BinaryIO, progress: Progress) -> list[Loaded]:
    """Take in all images of an archive, a tar that may be compressed. Raises BadArchive, ImagesError, StorageError."""
    with building.taking(images) as taken:
        members = _take(images, archive, progress, taken)
        reading = _Reading(images, members, progress)
        if "index.json" in members and reading.is_complete():
            loaded = reading.layout()
        elif "manifest.json" in members:
            loaded = reading.docker()
        else:
            raise BadArchive(
                "the file is not an archive of images: it has neither manifest.json nor a whole index.json"
            )
    for one in loaded:
        images.told("load", one.image.id, one.image.id)
    return loaded


def _take(images: Images, archive: BinaryIO, progress: Progress, taken: set[str]) -> dict[str, _Member]:
    """Every file in the archive, in the content now, by its name; links are what they lead to."""
    members: dict[str, _Member] = {}
    links: dict[str, str] = {}
    stream = Pieces(decompressed(archive, DEFAULT))
    try:
        with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|") as tar:
            for count, entry in enumerate(tar):
                if count >= _MOST_MEMBERS:
                    raise BadArchive(f"the archive has more than {_MOST_MEMBERS} members")
                name = posixpath.normpath(entry.name)
                if entry.issym() or entry.islnk():
                    folder = posixpath.dirname(name) if entry.issym() else ""
                    links[name] = posixpath.normpath(posixpath.join(folder, entry.linkname))
                elif entry.isreg():
                    members[name] = _member(images, tar, entry, name, progress, taken)
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise BadArchive(f"the file is not an archive of images: {error}") from None
    for name, target in links.items():
        if target in members:
            members[name] = members[target]
    return members


def _member(
    images: Images, tar: tarfile.TarFile, entry: tarfile.TarInfo, name: str, progress: Progress, taken: set[str]
) -> _Member:
    blob = _BLOB(name)
    said = f"{blob[1]}:{blob[2]}" if blob else ""
    if said and _here(images, said, entry.size):
        return _Member(said, entry.size)
    file = tar.extractfile(entry)
    if file is None:
        raise BadArchive(f"member {name[:100]!r} of the archive cannot be read")
    short = posixpath.basename(name if blob else posixpath.dirname(name) or name)[:12]
    large = entry.size > config.LARGEST

    def told(done: int) -> None:
        if large:
            progress.layer(short, Status.LOADING, done, entry.size)

    digest, size = building.store(images, cast(BinaryIO, _Told(cast(BinaryIO, file), told)))
    taken.add(digest)
    if size != entry.size:
        raise BadArchive("the archive is cut off")
    if said.startswith("sha256:") and digest != said:
        raise BadArchive(f"the archive is damaged: the bytes of {said} are {digest}")
    return _Member(digest, size)


def _here(images: Images, digest: str, size: int) -> bool:
    try:
        return images.has_blob(digest, size)
    except StorageError:
        return False


class _Told:
    """A file that tells how much of it has been read."""

    def __init__(self, file: BinaryIO, told: Callable[[int], None]) -> None:
        self._file = file
        self._told = told
        self._done = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._done += len(data)
        self._told(self._done)
        return data


class _Reading:
    """The images among the members of one archive."""

    def __init__(self, images: Images, members: dict[str, _Member], progress: Progress) -> None:
        self._images = images
        self._members = members
        self._progress = progress

    def is_complete(self) -> bool:
        """Whether the manifests that the layout's index names are here; some archives have an index for show."""
        listed = self._json("index.json", LARGEST_MANIFEST)
        described = listed.get("manifests") if isinstance(listed, dict) else None
        if not isinstance(described, list) or not described:
            return False
        return all(isinstance(one, dict) and self._blob(str(one.get("digest"))) in self._members for one in described)

    def layout(self) -> list[Loaded]:
        """The images of an OCI layout (image-spec, image-layout.md), those of an index for this machine."""
        try:
            top = parse_manifest(self._bytes("index.json", LARGEST_MANIFEST), None)
        except ManifestInvalid as error:
            raise BadArchive(f"index.json of the archive cannot be used: {error}") from None
        names: dict[str, list[Name]] = {}
        for described in top.manifests:
            annotations = described.annotations or {}
            said = next((annotations[key] for key in _NAMES if annotations.get(key)), "")
            names.setdefault(described.digest, []).extend([tagged(said, self._images.default)] if said else [])
        loaded = []
        for digest, given in names.items():
            payload = self._manifest(digest)
            read = layers_of(payload)
            if read.config is None:
                raise BadArchive(f"{digest} of the archive is not an image")
            loaded.append(self._install(payload, read.config.digest, given))
        return loaded

    def _manifest(self, digest: str) -> bytes:
        for _ in range(_NESTED):
            payload = self._bytes(self._blob(digest), LARGEST_MANIFEST)
            try:
                read = parse_manifest(payload, None)
            except ManifestInvalid as error:
                raise BadArchive(f"{digest} of the archive cannot be used: {error}") from None
            if not read.is_index:
                return payload
            digest = platform.choose(read.manifests, platform.host(), "the image").digest
        raise BadArchive("the archive has indexes of indexes, that deep is not followed")

    def docker(self) -> list[Loaded]:
        """The images that docker's manifest.json lists."""
        listed = self._json("manifest.json", LARGEST_MANIFEST)
        if not isinstance(listed, list):
            raise BadArchive("manifest.json of the archive is not a list")
        return [self._docker_image(entry) for entry in listed]

    def _docker_image(self, entry: object) -> Loaded:
        fields = entry if isinstance(entry, dict) else {}
        named, layers, tags = fields.get("Config"), fields.get("Layers") or [], fields.get("RepoTags") or []
        if not isinstance(named, str) or not isinstance(layers, list) or not isinstance(tags, list):
            raise BadArchive("manifest.json of the archive has an entry without Config and Layers")
        found = self._member(named)
        blobs = [building.layer_in(self._images, *self._member(str(layer))).blob for layer in layers]
        payload = building.manifest_for(found.digest, found.size, blobs)
        return self._install(payload, found.digest, [tagged(str(tag), self._images.default) for tag in tags])

    def _install(self, payload: bytes, config_digest: str, names: list[Name]) -> Loaded:
        read = config.read(self._images.bytes_of(config_digest, config.LARGEST))
        blobs = layers_of(payload).layers
        if len(blobs) != len(read.diff_ids):
            raise BadArchive(
                f"an image of the archive has {len(blobs)} layers, but its config tells of {len(read.diff_ids)}"
            )
        missing = [blob.digest for blob in blobs if not _here(self._images, blob.digest, blob.size)]
        if missing:
            raise BadArchive(f"layer {missing[0]} is not in the archive")
        return Loaded(building.install(self._images, payload, config_digest, names, self._progress), names)

    def _member(self, name: str) -> _Member:
        found = self._members.get(posixpath.normpath(name))
        if found is None:
            raise BadArchive(f"{name[:100]!r} is not in the archive, which names it")
        return found

    def _bytes(self, name: str, limit: int) -> bytes:
        found = self._member(name)
        if found.size > limit:
            raise BadArchive(f"{name[:100]!r} of the archive has more than {limit} bytes")
        try:
            return self._images.bytes_of(found.digest, limit)
        except ImagesError as error:
            raise BadArchive(str(error)) from None

    def _json(self, name: str, limit: int) -> Any:  # noqa: ANN401 - what JSON is
        try:
            return strict_json.loads(self._bytes(name, limit))
        except strict_json.InvalidJson as error:
            raise BadArchive(f"{name} of the archive is not JSON: {error}") from None

    def _blob(self, digest: str) -> str:
        return f"blobs/{digest.replace(':', '/')}"
