"""A number of CPUs, `1.5`, in thousand-millionths; and sets of them, `0-3,7`."""

import re
from typing import Final

from runtime.bundle.errors import ValueInvalid

_cpus = re.compile(r"([0-9]{1,6})?(?:\.([0-9]{0,9}))?").fullmatch
_set = re.compile(r"[0-9]{1,4}(?:-[0-9]{1,4})?(?:,[0-9]{1,4}(?:-[0-9]{1,4})?){0,255}").fullmatch
NANO: Final = 10**9


def read(text: str) -> int:
    """The thousand-millionths of a CPU that `text` means."""
    found = _cpus(text)
    if found is None or not (found[1] or found[2]):
        raise ValueInvalid(f"invalid number of CPUs: {text!r}; use a decimal number with at most 9 places, as in 1.5")
    return int(found[1] or "0") * NANO + int((found[2] or "").ljust(9, "0"))


def read_set(text: str) -> frozenset[int]:
    """The numbers in a set of CPUs or of memory nodes."""
    if _set(text) is None:
        raise ValueInvalid(f"invalid set: {text!r}; use numbers and ranges, as in 0-3 or 0,2")
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if last and int(last) < int(first):
            raise ValueInvalid(f"invalid set: {text!r}; {part} runs backwards")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)
