"""Query strings: few, short, each parameter known."""

from __future__ import annotations

import urllib.parse

from registry.oci.errors import PageInvalid

MOST_FIELDS = 128
"""Parameters read; more than any request of the spec has, and enough for the tags of one push."""


def parse_query(raw: bytes) -> dict[str, list[str]]:
    """Every parameter with its values, in order. Raises PageInvalid when it cannot be read."""
    if not raw:
        return {}
    if b"%00" in raw:
        raise PageInvalid(
            "the query has a zero byte, which no name here has"
        )  # nor can every database be asked for one
    try:
        text = raw.decode("ascii")
        return urllib.parse.parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise PageInvalid(
            f"the query cannot be read: not percent-encoded UTF-8, or over {MOST_FIELDS} parameters"
        ) from error


def page_size(values: list[str] | None, most: int) -> int:
    """`n`, clamped to `most`; `most` where it is absent. Raises PageInvalid."""
    if not values:
        return most
    text = values[-1]
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        if text.isascii() and text.isdigit():
            return most
        raise PageInvalid(f"n is {text[:40]!r}, which is not a whole number of at least 0", {"n": text[:40]})
    return min(int(text), most)
