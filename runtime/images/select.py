"""Which images are listed, under which names: docker's filters, and the rows that names make."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from runtime.images.errors import BadFilter
from runtime.images.image import Image
from runtime.images.images import Images
from runtime.images.names import Name, familiar, parse, short_repository

NONE: Final = "<none>"


class Row(NamedTuple):
    """An image under one of its names; what is not there is `<none>`."""

    image: Image
    repository: str
    tag: str
    digest: str


Filters = Mapping[str, Sequence[str]]
"""Values by key: dangling, reference, label, before, since, until."""

_KEYS: Final = ("dangling", "reference", "label", "label!", "before", "since")


def filters(given: Iterable[str], known: Sequence[str] = _KEYS) -> dict[str, list[str]]:
    """Read `key=value` as users write them. Raises BadFilter."""
    read: dict[str, list[str]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip().lower()
        if key not in known or not equals:
            raise BadFilter(f"filter {text[:100]!r} is not known, use one of {', '.join(f'{one}=' for one in known)}")
        read.setdefault(key, []).append(value.strip())
    return read


def is_true(values: Sequence[str]) -> bool | None:
    """What a filter of yes and no says, None when it is not given. Raises BadFilter."""
    if not values:
        return None
    words = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
    if values[-1].lower() not in words:
        raise BadFilter(f"filter value {values[-1][:40]!r} is neither true nor false")
    return words[values[-1].lower()]


def labelled(labels: Mapping[str, str], wanted: Sequence[str]) -> bool:
    """Whether all labels that are wanted, `key` or `key=value`, are there."""
    for text in wanted:
        key, equals, value = text.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def select(images: Images, wanted: Filters, repository: str = "") -> list[Row]:
    """The rows of the images that fit; with `repository` ("name" or "name:tag") those names alone."""
    found = images.all()
    after = [images.get(text).created for text in wanted.get("since", ())]
    before = [images.get(text).created for text in wanted.get("before", ())]
    dangling = is_true(wanted.get("dangling", ()))
    rows: list[Row] = []
    for image in found:
        if any(image.created <= one for one in after) or any(image.created >= one for one in before):
            continue
        labels = image.config.labels
        if not labelled(labels, wanted.get("label", ())) or any(
            labelled(labels, [one]) for one in wanted.get("label!", ())
        ):
            continue
        if dangling is not None and dangling != (not image.names):
            continue
        rows += _rows(images, image, _named(images, wanted.get("reference", ()), repository))
    return rows


def _rows(images: Images, image: Image, fits: Callable[[Name], bool] | None) -> list[Row]:
    """A row for each name, or one without a tag when only its digest is known."""
    digests = {parse(text).place: parse(text) for text in image.digests}
    names = [parse(text) for text in image.names]
    rows = [
        Row(
            image,
            short_repository(name, images.default),
            name.tag,
            digests[name.place].digest if name.place in digests else NONE,
        )
        for name in names
        if fits is None or fits(name)
    ]
    tagged = {name.place for name in names}
    rows += [
        Row(image, short_repository(name, images.default), NONE, name.digest)
        for place, name in digests.items()
        if place not in tagged and (fits is None or fits(name))
    ]
    if not names and not digests and fits is None:
        rows.append(Row(image, NONE, NONE, NONE))
    return rows


def _named(images: Images, patterns: Sequence[str], repository: str) -> Callable[[Name], bool] | None:
    globs = [_glob(pattern) for pattern in patterns]
    if not globs and not repository:
        return None
    exact = parse(repository, images.default) if repository and not set(repository) & set("*?[") else None
    if repository and exact is None:
        globs.append(_glob(repository))

    def fits(name: Name) -> bool:
        if exact is not None and (name.place != exact.place or (exact.tag and exact.tag != name.tag)):
            return False
        shown = (familiar(name, images.default), short_repository(name, images.default))
        return not globs or any(glob.fullmatch(text) for glob in globs for text in shown)

    return fits


def _glob(pattern: str) -> re.Pattern[str]:
    """A shell's pattern whose stars do not pass a slash (Go's path.Match). Raises BadFilter."""
    out, place = "", 0
    while place < len(pattern):
        char = pattern[place]
        if char in "*?":
            out += "[^/]*" if char == "*" else "[^/]"
        elif char == "[" and (end := pattern.find("]", place + 2)) > 0:
            out += "[" + pattern[place + 1 : end].replace("\\", "\\\\").replace("[", "\\[") + "]"
            place = end
        else:
            out += re.escape(char)
        place += 1
    try:
        return re.compile(out)
    except re.error:
        raise BadFilter(f"pattern {pattern[:100]!r} cannot be used") from None
