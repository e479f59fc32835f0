"""Query strings: few, short, each parameter known."""

from __future__ import annotations

import urllib.parse

from registry.oci.errors import PageInvalid, QueryInvalid

UNREADABLE = "\N{REPLACEMENT CHARACTER}"

MOST_FIELDS = 128
"""Parameters read; more than any request of the spec has, and enough for the tags of one push."""


def parse_query(raw: bytes) -> dict[str, list[str]]:
    """Every parameter with its values, in order. Raises QueryInvalid when there are too many.

    A `+` is a plus, as in media types and digests: no value of the specification has a space. What is no UTF-8 becomes
    U+FFFD, as does a zero byte: it is in no name, digest, tag or number, so the reader of the parameter refuses it.
    """
    if not raw:
        return {}
    text = raw.decode("latin-1" if raw.isascii() else "utf-8", "replace").replace("+", "%2B").replace("%00", UNREADABLE)
    try:
        return urllib.parse.parse_qs(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise QueryInvalid(f"the query has over {MOST_FIELDS} parameters, at most so many are read") from error


def readable(name: str, value: str | None) -> str:
    """The value of a parameter that may be any text, empty where it is absent. Raises PageInvalid."""
    if value is not None and UNREADABLE in value:
        raise PageInvalid(f"{name} is not percent-encoded UTF-8, or has a zero byte", {name: value[:40]})
    return value or ""


def page_size(values: list[str] | None, most: int) -> int:
    """`n`, clamped to `most`; `most` where it is absent or empty. Raises PageInvalid."""
    text = values[-1] if values else ""
    if not text:
        return most
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        if text.isascii() and text.isdigit():
            return most
        raise PageInvalid(f"n is {text[:40]!r}, which is not a whole number of at least 0", {"n": text[:40]})
    return min(int(text), most)
