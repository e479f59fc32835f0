"""Taking names from images, and images away: `rmi` and `image prune`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from runtime.images.collect import collect, needs, partials
from runtime.images.errors import InUse
from runtime.images.image import Image
from runtime.images.images import Images
from runtime.images.index import Index
from runtime.images.names import familiar, parse
from storage.errors import Busy, NotFound


class User(NamedTuple):
    """A container of an image."""

    container: str
    running: bool


Users = Mapping[str, Sequence[User]]
"""Containers by the id of the image they were made of."""


class Removed(NamedTuple):
    """What went, in order, and the bytes that came free."""

    untagged: list[str]
    deleted: list[str]
    freed: int


def remove(images: Images, text: str, users: Users, *, force: bool = False) -> Removed:
    """Take a name from its image, and with the last one the image. Raises NoSuchImage, Ambiguous, InUse."""
    with images.changing() as found:
        image = images.image(found, images.resolve(found, text), damaged=True)
        by_name = images.key(text) in found.names
        names = _names(images, image, text, by_name=by_name, force=force)
        last = not (set(image.names) - set(names))
        if last:
            _refuse_used(image, users.get(image.id, ()), force=force)
            names = [*image.names, *image.digests]
        removed = _take(images, found, image, names, whole=last)
    _tell(images, image.id, len(removed.untagged), whole=last)
    return removed


def _names(images: Images, image: Image, text: str, *, by_name: bool, force: bool) -> list[str]:
    """The names that go when this is said: one name, with the digests of a repository that has no other tag."""
    if not by_name:
        repositories = {parse(name).place for name in [*image.names, *image.digests]}
        if len(repositories) > 1 and not force:
            raise InUse(f"image {image.short} has names in several repositories, say which one or force it")
        return [*image.names, *image.digests]
    key = images.key(text)
    place = parse(key).place
    left = [name for name in image.names if name != key and parse(name).place == place]
    return [key, *(one for one in image.digests if not left and one != key and parse(one).place == place)]


def _refuse_used(image: Image, users: Sequence[User], *, force: bool) -> None:
    for user in users:
        if user.running:
            raise InUse(f"image {image.short} is used by the running container {user.container}, stop that first")
        if not force:
            raise InUse(f"image {image.short} is used by container {user.container}, remove that or force it")


def _take(images: Images, found: Index, image: Image, names: Iterable[str], *, whole: bool) -> Removed:
    wanted = needs(images, found, [image.id])
    untagged = [familiar(parse(name), images.default) for name in names]
    for name in names:
        found.names.pop(name, None)
    if not whole:
        return Removed(untagged, [], 0)
    del found.images[image.id]
    freed = collect(images, found, wanted)
    gone = [chain for chain in reversed(image.chains) if not images.layers.has(chain)]
    return Removed(untagged, [image.id, *gone], freed)


def _tell(images: Images, image_id: str, names: int, *, whole: bool) -> None:
    """What happened to an image: it lost so many names, and if `whole` it went."""
    for _ in range(names):
        images.told("untag", image_id, image_id)
    if whole:
        images.told("delete", image_id, image_id)


def prune(
    images: Images, users: Users, *, unused: bool = False, fits: Callable[[Image], bool] = lambda image: True
) -> Removed:
    """Take away images without a tag, or all that no container is made of; and what no image needs any more."""
    untagged: list[str] = []
    taken: dict[str, int] = {}
    with images.changing() as found:
        for image_id in list(found.images):
            image = images.image(found, image_id, damaged=True)
            if users.get(image_id) or (image.names and not unused) or not fits(image):
                continue
            untagged += [familiar(parse(name), images.default) for name in [*image.names, *image.digests]]
            taken[image_id] = len(image.names) + len(image.digests)
            for name in [*image.names, *image.digests]:
                del found.names[name]
            del found.images[image_id]
        freed = collect(images, found, None)
    for image_id, names in taken.items():
        _tell(images, image_id, names, whole=True)
    return Removed(untagged, list(taken), freed + _cut_off(images))


def _cut_off(images: Images) -> int:
    """Remove what came in and was cut off; what a process writes to is left."""
    freed = 0
    for path in partials(images):
        try:
            writer = images.driver.resume(path)
        except (Busy, NotFound):
            continue
        freed += writer.size
        writer.cancel()
    return freed
