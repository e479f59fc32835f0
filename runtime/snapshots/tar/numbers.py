"""Numbers in headers: octal text, GNU's base-256, and the decimal ones of extended headers. Pure; raises ValueError."""

from __future__ import annotations

import re
from functools import lru_cache

SECOND = 1_000_000_000

# POSIX pax, "pax Extended Header Keyword/Value Pairs": a decimal time may have a sign and a fraction.
_TIME = re.compile(rb"(-?)([0-9]{1,19})(?:\.([0-9]*))?")
_DECIMAL = re.compile(rb"-?[0-9]{1,19}")


@lru_cache(4096)  # most entries of a layer have the mode, owner and time of others
def number(digits: bytes) -> int:
    """A numeric field of a header: octal text between blanks and NULs, or binary when its first bit is set."""
    if digits[0] & 0x80:
        value = int.from_bytes(digits, "big", signed=False)
        width = 8 * len(digits)
        if digits[0] & 0x40:  # negative, in two's complement
            return value - (1 << width)
        return value - (1 << (width - 1))
    text = digits.strip(b" \0").partition(b"\0")[0]
    if not text:
        return 0
    if not text.isdigit():
        raise ValueError(f"{digits!r} is not an octal number")
    return int(text, 8)


def decimal(text: bytes) -> int:
    """A number of an extended header."""
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a number")
    return int(text)


def time(text: bytes) -> int:
    """A time of an extended header, in nanoseconds; finer digits are cut off."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is not a time")
    sign, seconds, fraction = found.groups()
    value = int(seconds) * SECOND + int((fraction or b"0")[:9].ljust(9, b"0"))
    return -value if sign else value
