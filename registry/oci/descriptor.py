"""The OCI descriptor: a typed, sized pointer to content, read from already parsed JSON."""

import re
from collections.abc import Iterable
from typing import Final, cast

import msgspec

from registry.oci.errors import ManifestInvalid

MAX_SIZE: Final = 2**63 - 1
# RFC 6838 allows 127 characters on each side of a media type's slash; digests and types are keys of the database.
MAX_TEXT: Final = 255
_FIELDS: Final = frozenset(
    {"mediaType", "digest", "size", "artifactType", "annotations", "urls", "platform", "data"},
)
_SHOWN: Final = 100

# image-spec, "Digests": digest ::= algorithm ":" encoded, where a registered algorithm also fixes what follows it.
_digest = re.compile(
    r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
    r"|(?!sha(?:256|512):)[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+"
).fullmatch


def valid_digest(text: str) -> bool:
    """Whether this is a digest; of an algorithm not known here only the general grammar is asked."""
    return len(text) <= MAX_TEXT and _digest(text) is not None


class Descriptor(msgspec.Struct, frozen=True, gc=False):
    """Content named by digest, with its type and size in bytes."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None
    urls: list[str] | None = None
    platform: dict[str, object] | None = None
    data: str | None = None


def shown(value: object) -> str:
    """A value as it may stand in an error text: quoted and not too long."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value[: _SHOWN + 1]) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def refuse_look_alikes(fields: Iterable[str], known: frozenset[str], where: str) -> None:
    """Refuse a field that differs from a known one only in case: some clients would read it as the known one."""
    folded = {name.casefold() for name in known}
    for name in fields:
        if name not in known and name.casefold() in folded:
            raise ManifestInvalid(f"{where} has the field {shown(name)}; field names are written in their exact case")


def read_media_type(fields: dict[str, object], name: str, where: str) -> str | None:
    """The media type in this field, None when it is missing or null."""
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not str or not value.isascii() or not value.isprintable() or len(value) > MAX_TEXT:
        raise ManifestInvalid(f"{where} has {name} {shown(value)}; it must be a media type")
    return value


def read_annotations(fields: dict[str, object], where: str) -> dict[str, str] | None:
    """The annotations, None when they are missing or null."""
    value = fields.get("annotations")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where} has annotations that are not an object")
    for key, text in value.items():
        if type(text) is not str:
            raise ManifestInvalid(f"{where} has annotation {shown(key)} with a value that is not a string")
    return cast("dict[str, str]", value)


def _read_urls(value: object, where: str) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(type(url) is str for url in value):
        raise ManifestInvalid(f"{where} has urls that are not a list of strings")
    return cast("list[str]", value)


def _read_size(fields: dict[str, object], where: str, *, required: bool) -> int:
    size = fields.get("size")
    if size is None and not required:
        return 0
    # type() and not isinstance(): true is an int to Python.
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise ManifestInvalid(f"{where} has size {shown(size)}; it must be a whole number of bytes")
    return size


def _read_digest(fields: dict[str, object], where: str) -> str:
    digest = fields.get("digest")
    if type(digest) is not str or not valid_digest(digest):
        raise ManifestInvalid(f"{where} has digest {shown(digest)}; it must be like sha256:<64 lower-case hex digits>")
    return digest


def parse(value: object, where: str) -> Descriptor:
    """Read a descriptor; where names it in error texts. Unknown fields are ignored."""
    if type(value) is not dict:
        raise ManifestInvalid(f"{where} must be a descriptor, an object with mediaType, digest and size")
    fields = cast("dict[str, object]", value)
    media_type = read_media_type(fields, "mediaType", where)
    if media_type is None:
        raise ManifestInvalid(f"{where} has no mediaType")
    digest = _read_digest(fields, where)
    size = _read_size(fields, where, required=True)
    if len(fields) == 3:
        return Descriptor(media_type, digest, size)
    return _with_options(fields, media_type, digest, size, where)


def parse_subject(value: object) -> Descriptor:
    """Read the descriptor of a subject, which only has to name its digest: no more is needed to refer to it."""
    if type(value) is not dict:
        raise ManifestInvalid("subject must be a descriptor, an object with mediaType, digest and size")
    fields = cast("dict[str, object]", value)
    media_type = read_media_type(fields, "mediaType", "subject") or ""
    digest = _read_digest(fields, "subject")
    size = _read_size(fields, "subject", required=False)
    return _with_options(fields, media_type, digest, size, "subject")


def _with_options(fields: dict[str, object], media_type: str, digest: str, size: int, where: str) -> Descriptor:
    if not fields.keys() <= _FIELDS:
        refuse_look_alikes(fields, _FIELDS, where)
    platform = fields.get("platform")
    if platform is not None and not isinstance(platform, dict):
        raise ManifestInvalid(f"{where} has a platform that is not an object")
    data = fields.get("data")
    if data is not None and type(data) is not str:
        raise ManifestInvalid(f"{where} has data that is not a string")
    return Descriptor(
        media_type=media_type,
        digest=digest,
        size=size,
        artifact_type=read_media_type(fields, "artifactType", where),
        annotations=read_annotations(fields, where),
        urls=_read_urls(fields.get("urls"), where),
        platform=platform,
        data=data,
    )
