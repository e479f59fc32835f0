"""The path parser, made from the table of routes. Repository names contain slashes, so a path is read from its end.

A route's path is fixed, or `/v2/<name>/` and up to three segments: words, and at the end perhaps a `<reference>`,
`<digest>` or `<id>`, each with a grammar of its own.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterable
from typing import NamedTuple

from registry.oci.errors import DigestInvalid, NameInvalid, NotFound, TagInvalid
from registry.oci.reference import valid_name, valid_tag
from storage.digest import Digest
from storage.errors import InvalidDigest

LONGEST = 2048
"""Characters of a path: a name of 255, and whatever a percent-encoding client makes of it."""

PREFIX = "/v2/"
"""Of the paths of repositories."""

_SLASHES = re.compile(r"/(?:\.?/)+")


class Path(NamedTuple):
    """Which route, of which repository, and the last part: a reference, a digest or the id of an upload."""

    route: str
    name: str = ""
    reference: str = ""


UNROUTED = Path("unknown")
"""Of a request whose path is none of the table's, or not known yet."""


class _Tail(NamedTuple):
    """How the paths of a route end: `before` is what must stand before the last two segments."""

    route: str
    before: str
    last: str
    """The last segment; empty with `check`."""
    check: Callable[[str], str] | None


class Paths:
    """Parses the paths of `routes`, each a name and a path."""

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        self._fixed: dict[str, Path] = {}
        self._tails: dict[str, list[_Tail]] = {}
        """By the last segment but one."""
        for route, path in routes:
            if not path.startswith(f"{PREFIX}<name>/"):
                self._fixed[path] = self._fixed[path.rstrip("/") or "/"] = Path(route)
                continue
            head, _, last = path.removeprefix(f"{PREFIX}<name>/").rpartition("/")
            before, _, kind = head.rpartition("/")
            if last:
                self._add(kind, _Tail(route, before and f"/{before}", last, _CHECKS.get(last)))
            else:  # a collection, with or without the slash at its end
                self._add(kind, _Tail(route, before and f"/{before}", "", None))
                self._add(before, _Tail(route, "", kind, None))

    def _add(self, kind: str, tail: _Tail) -> None:
        """Words come before what has a grammar."""
        tails = self._tails.setdefault(kind, [])
        tails.insert(0 if tail.check is None else len(tails), tail)

    def parse(self, raw: bytes) -> Path:
        """Raises NotFound, NameInvalid, TagInvalid, DigestInvalid."""
        if len(raw) > LONGEST:
            raise NotFound("the path is longer than any of the registry's")
        path = raw.decode("latin-1")
        if "%" in path:
            path = urllib.parse.unquote(path, errors="replace")
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed
        head, _, last = path.rpartition("/")
        rest, _, kind = head.rpartition("/")
        for route, before, word, check in self._tails.get(kind, ()):
            if not rest.endswith(before):
                continue
            if check is not None:
                return Path(route, _name(rest[: len(rest) - len(before)]), check(last))
            if last == word:
                return Path(route, _name(rest[: len(rest) - len(before)]))
        raise NotFound(f"there is nothing at {path[:200]!r}")

    def elsewhere(self, raw: bytes) -> bytes | None:
        """The path that is meant by one with doubled slashes, or one at its end; None where that is none either.

        The answer is a path of this server, never another host's: it begins with one slash.
        """
        text = raw[:LONGEST].decode("latin-1")
        cleaned = _SLASHES.sub("/", text)
        for meant in (cleaned, cleaned.rstrip("/")):
            if meant != text and self._has(meant):
                return meant.encode("latin-1")
        return None

    def _has(self, path: str) -> bool:
        try:
            self.parse(path.encode("latin-1"))
        except (NotFound, NameInvalid, TagInvalid, DigestInvalid):
            return False
        return True


def _name(path: str) -> str:
    name = path.removeprefix(PREFIX)
    if not path.startswith(PREFIX) or not valid_name(name):
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


_CHECKS: dict[str, Callable[[str], str]] = {"<reference>": _reference, "<digest>": _digest, "<id>": str}
