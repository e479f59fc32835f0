"""The WWW-Authenticate header: how a registry says what it wants to be shown (RFC 9110, 11.6.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word, RFC 9110 5.6.2
_SCHEME = re.compile(rf"\s*({_TOKEN})(?:\s+|$|(?=,))")
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?:,|$)')
_TOKEN68 = re.compile(r"\s*[A-Za-z0-9._~+/-]+=*\s*(?:,|$)")
_ESCAPED = re.compile(r"\\(.)")
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to be let in; `scheme` in lower case. Of a Bearer: where to get a token, for whom and for what."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""
    error: str = ""

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes asked for, "repository:NAME:pull,push" each."""
        return frozenset(self.scope.split())


def parse(headers: Iterable[str]) -> list[Challenge]:
    """The challenges of all these headers in their order; what is not of the grammar ends a header."""
    return [challenge for header in headers for challenge in _parse_one(header[:_LONGEST])]


def _parse_one(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    place = 0
    while scheme := _SCHEME.match(header, place):
        place = scheme.end()
        values: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, place):
            name, quoted, bare = parameter.groups()
            values.setdefault(name.lower(), bare if quoted is None else _ESCAPED.sub(r"\1", quoted))
            place = parameter.end()
        if not values and (blob := _TOKEN68.match(header, place)):
            place = blob.end()
        while header[place : place + 1] in (",", " "):
            place += 1
        found.append(_made(scheme[1].lower(), values))
    return found


def _made(scheme: str, values: dict[str, str]) -> Challenge:
    return Challenge(scheme, *(values.get(name, "") for name in ("realm", "service", "scope", "error")))
