"""Sizes in bytes: `512m`, `1.5g`, `64kb`, `1GiB`; a unit is a power of 1024, and none means bytes."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid

MAX_SIZE: Final = 2**63 - 1
_UNITS: Final = "kmgtp"
_size = re.compile(r"([0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19}) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE).fullmatch
_ALLOWED: Final = "use a number and b, k, m, g, t or p, as in 512m or 1.5g"


def read(text: str) -> int:
    """The bytes that `text` means."""
    found = _size(text)
    if found is None:
        raise ValueInvalid(f"invalid size: {text!r}; {_ALLOWED}")
    exponent = _UNITS.index(found[2].lower()) + 1 if found[2] else 0
    size = int(float(found[1]) * 1024**exponent) if "." in found[1] else int(found[1]) * 1024**exponent
    if size > MAX_SIZE:
        raise ValueInvalid(f"invalid size: {text!r} is more than {MAX_SIZE} bytes")
    return size


def read_swap(text: str) -> int:
    """The bytes of memory and swap together; -1 is without bound."""
    return -1 if text == "-1" else read(text)
