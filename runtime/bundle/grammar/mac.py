"""`--mac-address`: the hardware address of a container on a network."""

import re

from runtime.bundle.errors import ValueInvalid

_forms = re.compile(
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}"
).fullmatch


def read(text: str) -> str:
    """As six numbers with colons, of one device."""
    given = text.strip().lower()
    digits = re.sub(r"[:.-]", "", given)
    if _forms(given) is None:
        raise ValueInvalid(f"invalid MAC address: {text!r}; write it as 92:d0:c6:0a:29:33")
    if int(digits[:2], 16) & 1 or not int(digits, 16):
        raise ValueInvalid(f"invalid MAC address: {text!r} is not that of one device; make its first number even")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))
