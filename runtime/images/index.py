"""The index of images: names, and the image each means. One small file, replaced whole under its lock."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from runtime.images import locks, paths
from runtime.images.errors import ImagesError

_VERSION = 1


class Named(msgspec.Struct):
    """What a name means: an image, and the manifest it came with under that name."""

    image: str
    manifest: str


class Record(msgspec.Struct):
    """An image: the manifest that has its layers here, its unpacked size in bytes, when it got its last name."""

    manifest: str
    size: int
    named: float = 0.0


class Index(msgspec.Struct):
    """`names` by the full form of names.Name, with a tag or a digest; `images` by id."""

    version: int = _VERSION
    names: dict[str, Named] = {}
    images: dict[str, Record] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Index).decode


def read(root: Path) -> Index:
    """The index as it is now. Raises ImagesError when its file cannot be understood."""
    path = paths.index(root)
    try:
        index = _decode(path.read_bytes())
    except FileNotFoundError:
        return Index()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ImagesError(f"{path} is damaged ({error}); move it away and pull the images again") from None
    if index.version != _VERSION:
        raise ImagesError(f"{path} was written by a newer version of entrepot, use that one")
    return index


@contextmanager
def changing(root: Path) -> Iterator[Index]:
    """The index, locked; what is made of it is stored when the block ends well."""
    with locks.held(paths.lock(root)):
        index = read(root)
        before = _encode(index)
        yield index
        after = _encode(index)
        if after != before:
            replace(paths.index(root), after)


def replace(path: Path, data: bytes) -> None:
    """Store a file whole and durably: readers see the old bytes or the new ones."""
    aside = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        _write(aside, data)
        os.rename(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
