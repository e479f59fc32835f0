"""Paths below /v2/, by hand: repository names contain slashes, so the route is read from the end.

/v2/                                    /v2/_catalog                  /v2/_entrepot/storage/folder
/v2/NAME/manifests/REFERENCE            /v2/NAME/tags/list
/v2/NAME/blobs/DIGEST                   /v2/NAME/referrers/DIGEST
/v2/NAME/blobs/uploads/                 /v2/NAME/blobs/uploads/ID
"""

from __future__ import annotations

import urllib.parse
from typing import NamedTuple

from registry.oci.errors import DigestInvalid, NameInvalid, NotFound, TagInvalid
from registry.oci.reference import valid_name, valid_tag
from storage.digest import Digest
from storage.errors import InvalidDigest

LONGEST = 2048
"""Characters of a path: a name of 255, and whatever a percent-encoding client makes of it."""


class Target(NamedTuple):
    """Which route, of which repository, and the last part: a reference, a digest or the id of an upload."""

    route: str
    name: str = ""
    reference: str = ""


def parse_path(raw: bytes) -> Target:
    """Raises NotFound, NameInvalid, TagInvalid, DigestInvalid."""
    if len(raw) > LONGEST:
        raise NotFound("the path is longer than any of the registry's")
    path = raw.decode("latin-1")
    if "%" in path:
        path = urllib.parse.unquote(path, errors="replace")
    if path in ("/v2/", "/v2"):
        return Target("base")
    if path == "/v2/_catalog":
        return Target("catalog")
    if path == "/v2/_entrepot/storage/folder":
        return Target("folder")
    head, _, last = path.rpartition("/")
    rest, _, kind = head.rpartition("/")
    if kind == "manifests":
        return Target("manifest", _name(rest), _reference(last))
    if kind == "blobs" and last != "uploads":
        return Target("blob", _name(rest), _digest(last))
    if kind == "tags" and last == "list":
        return Target("tags", _name(rest))
    if kind == "referrers":
        return Target("referrers", _name(rest), _digest(last))
    return _upload(path, kind, rest, last)


def _upload(path: str, kind: str, rest: str, last: str) -> Target:
    if kind == "blobs" and last == "uploads":
        return Target("uploads", _name(rest))
    outer, _, parent = rest.rpartition("/")
    if kind == "uploads" and parent == "blobs":
        return Target("uploads", _name(outer)) if not last else Target("upload", _name(outer), last)
    raise NotFound(f"there is nothing at {path[:200]!r}")


def _name(path: str) -> str:
    name = path.removeprefix("/v2/")
    if not path.startswith("/v2/") or not valid_name(name):
        raise NameInvalid(
            f"{name[:256]!r} is not a repository name: lower-case letters, digits, . _ - in them, / between parts",
            {"name": name[:256]},
        )
    return name


def _reference(text: str) -> str:
    if ":" in text:
        return _digest(text)
    if not valid_tag(text):
        raise TagInvalid(
            f"{text[:140]!r} is not a tag: letters, digits and . _ -, at most 128, not first . or -",
            {"tag": text[:140]},
        )
    return text


def _digest(text: str) -> str:
    try:
        Digest.parse(text)
    except InvalidDigest as error:
        raise DigestInvalid(str(error), {"digest": text[:200]}) from error
    return text
