"""One harness per parser: takes any bytes, swallows only the parser's own refusal, checks what an answer promises.

Each is a plain function, so that the corpus is replayed by pytest without the fuzzer.
"""

from collections.abc import Callable
from typing import Final

from registry.api.query import MOST_FIELDS, page_size, parse_query
from registry.api.routes import BY_NAME, PATHS
from registry.auth.access import Scope
from registry.oci import manifest as manifests
from registry.oci import mediatypes, strict_json
from registry.oci.descriptor import Descriptor, valid_digest
from registry.oci.errors import (
    DigestInvalid,
    ManifestInvalid,
    NameInvalid,
    NotFound,
    PageInvalid,
    QueryInvalid,
    TagInvalid,
)
from registry.oci.range import RangeUnsatisfiable, parse_content_range, parse_range
from registry.oci.reference import valid_name, valid_tag
from storage.digest import ALGORITHMS, Digest
from storage.errors import InvalidDigest

_MAX_DEPTH: Final = 32
_CONTENT_TYPES: Final = (None, *sorted(mediatypes.MANIFESTS))


class BrokenPromiseError(Exception):
    """A parser answered something it promises never to answer."""


def _holds(*promises: bool) -> None:
    if not all(promises):
        raise BrokenPromiseError


def _text(data: bytes) -> str:
    """Header and path bytes reach the parsers as text; half of the inputs as Latin-1, half as UTF-8."""
    return data[1:].decode("latin-1" if data[:1] < b"P" else "utf-8", "surrogateescape")


def reference(data: bytes) -> None:
    """Names and tags: what is accepted can be a path and a header."""
    text = _text(data)
    if valid_name(text):
        _holds(text.isascii(), len(text) <= 255, all(part and part.strip("._-") == part for part in text.split("/")))
    if valid_tag(text):
        _holds(text.isascii(), len(text) <= 128, "/" not in text, text[0] not in ".-")


def digest(data: bytes) -> None:
    """Digests: what is accepted is written back the same, and is a digest to manifests too."""
    text = _text(data)
    try:
        found = Digest.parse(text)
    except InvalidDigest:
        _holds(not valid_digest(text) or text.partition(":")[0] not in ALGORITHMS)
    else:
        _holds(str(found) == text, len(found.hex) == ALGORITHMS[found.algorithm], valid_digest(text))


def byte_range(data: bytes) -> None:
    """Range: what is accepted lies within the content and is bounded in number and in sum."""
    size = int.from_bytes(data[:2], "big")
    try:
        ranges = parse_range(_text(data[2:]), size)
    except RangeUnsatisfiable:
        return
    if ranges is not None:
        _holds(0 < len(ranges) <= 16, all(0 <= first <= last < size for first, last in ranges))
        _holds(sum(last - first + 1 for first, last in ranges) <= size)


def content_range(data: bytes) -> None:
    """Content-Range: what is accepted is in order."""
    try:
        first, last = parse_content_range(_text(data))
    except ValueError as error:
        # Its subclasses are accidents, not refusals.
        _holds(type(error) is ValueError, "content range" in str(error))
    else:
        _holds(0 <= first <= last < 2**63)


def json(data: bytes) -> None:
    """Strict JSON: what is accepted can be written as UTF-8."""
    try:
        value = strict_json.loads(data, _MAX_DEPTH)
    except strict_json.InvalidJson as error:
        _holds(error.position is None or 0 <= error.position <= len(data))
    else:
        _check_value(value, _MAX_DEPTH)


def _check_value(value: object, room: int) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, (dict, list)):
        _holds(room > 0)
        for item in value:
            _check_value(item, room - 1)
        for item in value.values() if isinstance(value, dict) else ():
            _check_value(item, room - 1)


def manifest(data: bytes) -> None:
    """Manifests: what is accepted is of one kind and fits the database."""
    content_type = _CONTENT_TYPES[data[0] % len(_CONTENT_TYPES)] if data else None
    try:
        found = manifests.parse(data[1:], content_type, _MAX_DEPTH)
    except ManifestInvalid as error:
        _holds(0 < len(error.message) < 1000)
        return
    _holds(found.media_type in mediatypes.MANIFESTS, found.media_type == (content_type or found.media_type))
    _holds(found.is_index == (found.config is None), not (found.layers if found.is_index else found.manifests))
    for one in (*found.layers, *found.manifests, *found.required_blobs):
        _check_descriptor(one)
    if found.subject is not None:
        _check_descriptor(found.subject)


def _check_descriptor(one: Descriptor) -> None:
    _holds(valid_digest(one.digest), type(one.size) is int, 0 <= one.size < 2**63, len(one.media_type) <= 255)


def query(data: bytes) -> None:
    """Query strings: what is accepted is few and can be written as UTF-8; the page size is within its bound."""
    try:
        found = parse_query(data)
        size = page_size(found.get("n"), 1000)
    except (PageInvalid, QueryInvalid):
        return
    _holds(0 <= size <= 1000, sum(map(len, found.values())) <= MOST_FIELDS)
    for name, values in found.items():
        "".join((name, *values)).encode()


def path(data: bytes) -> None:
    """Paths: what is accepted names a repository and, where there is one, a tag or a digest."""
    try:
        found = PATHS.parse(data)
    except (NotFound, NameInvalid, TagInvalid, DigestInvalid):
        return
    if BY_NAME[found.route].scope is Scope.REPOSITORY:
        _holds(valid_name(found.name))
    if found.route in {"manifest", "blob", "referrers"}:
        _holds(valid_tag(found.reference) or valid_digest(found.reference))


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "reference": reference,
    "digest": digest,
    "byte_range": byte_range,
    "content_range": content_range,
    "json": json,
    "manifest": manifest,
    "query": query,
    "path": path,
}
