"""Lists that come in pages: the next one is named by a Link header (distribution spec, "Listing Tags"; RFC 8288)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import cast
from urllib.parse import urljoin

from registry.client.endpoint import origin_of
from registry.client.errors import InvalidAnswer
from registry.client.requester import Page
from registry.client.response import Response

LONGEST = 32 << 20
"""Bytes of a page; some registries give everything on one."""

_LONGEST_LINK = 8192
_LINK = re.compile(r'<([^>]*)>\s*((?:;\s*[\w!#$&+.^`|~-]+\s*(?:=\s*(?:"[^"]*"|[^\s",;]+))?\s*)*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=[\s;]|$))', re.IGNORECASE)


def pages(ask: Callable[[str], Page], url: str) -> Iterator[dict[str, object]]:
    """The document of each page. Raises InvalidAnswer: no JSON object, or a page that leads back."""
    seen: set[str] = set()
    following: str | None = url
    while following is not None:
        answer, payload = ask(following)
        seen.add(answer.url)
        yield _object(answer, payload)
        following = next_page(answer)
        if following in seen:
            raise InvalidAnswer(f"{answer.origin.netloc} names a page as next that came before: {following[:200]!r}")


def next_page(answer: Response) -> str | None:
    """The absolute URL of the next page, None on the last one. Raises InvalidAnswer: it is at another registry."""
    for header in answer.headers.getlist("Link"):
        for target, parameters in _LINK.findall(header[:_LONGEST_LINK]):
            if _NEXT.search(parameters):
                url: str = urljoin(answer.url, target)
                if origin_of(url) != answer.origin:
                    raise InvalidAnswer(f"{answer.origin.netloc} names a next page of another host: {url[:200]!r}")
                return url
    return None


def strings(document: dict[str, object], name: str) -> list[str]:
    """The list in this field; missing and null are an empty one. Raises InvalidAnswer."""
    value = document.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidAnswer(f"a page has {name} that is not a list of strings")
    return cast("list[str]", value)


def _object(answer: Response, payload: bytes) -> dict[str, object]:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidAnswer(f"{answer.origin.netloc} answered a page that is not a JSON object")
    return document
