"""Durations as Go writes them: `1m30s`, `500ms`, `1.5h`; read into nanoseconds."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_LARGEST: Final = 2**63 - 1
_PART: Final = r"(?:[0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19})(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h)"
_duration = re.compile(rf"(?:{_PART}){{1,16}}").fullmatch
_parts = re.compile(r"([0-9]*)\.?([0-9]*)([a-z\u00b5\u03bc]+)").findall


def read(text: str) -> int:
    """The nanoseconds that `text` means; negative ones are refused."""
    if text == "0":
        return 0
    if _duration(text) is None:
        raise ValueInvalid(f"invalid duration: {text!r}; use numbers with ms, s, m or h, as in 1m30s")
    total = 0
    for whole, fraction, unit in _parts(text):
        size = _NANOSECONDS[unit]
        total += int(whole or "0") * size + int(fraction or "0") * size // 10 ** len(fraction)
    if total > _LARGEST:
        raise ValueInvalid(f"invalid duration: {text!r} is too long")
    return total
