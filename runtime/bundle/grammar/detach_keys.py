"""The keys that detach from a container: `ctrl-p,ctrl-q`, letters and `ctrl-` with a letter or one of @[\\]^_."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid

DEFAULT: Final = b"\x10\x11"
_control = re.compile(r"ctrl-([a-z@\[\\\]^_])", re.IGNORECASE).fullmatch


def read(text: str) -> bytes:
    """The bytes a terminal sends for the keys; docker's own for an empty text."""
    return b"".join(map(_key, text.split(","))) if text else DEFAULT


def _key(text: str) -> bytes:
    if found := _control(text):
        return bytes([ord(found[1].upper()) & 0x1F])
    if len(text) == 1 and text.isascii() and text.isprintable():
        return text.encode()
    raise ValueInvalid(f"unknown character in detach keys: {text!r}; use letters and ctrl-X, as in ctrl-p,ctrl-q")
