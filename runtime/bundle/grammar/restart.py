"""`--restart`: no, always, unless-stopped, on-failure or on-failure:times."""

from typing import Final

from runtime.bundle.container import RestartPolicy
from runtime.bundle.errors import ValueInvalid

_ALLOWED: Final = "use no, always, unless-stopped or on-failure[:times]"
_MOST: Final = 2**31 - 1


def read(text: str) -> RestartPolicy:
    """The policy that `text` names."""
    name, colon, count = text.partition(":")
    name = name or "no"
    if name not in ("no", "always", "unless-stopped", "on-failure") or text == ":":
        raise ValueInvalid(f"invalid restart policy: {text!r}; {_ALLOWED}")
    if not colon:
        return RestartPolicy(name=name)
    if not (count.isascii() and count.isdigit() and len(count) <= 10 and int(count) <= _MOST):
        raise ValueInvalid(f"maximum retry count must be an integer: {text!r}; {_ALLOWED}")
    if name != "on-failure" and int(count):
        raise ValueInvalid(f"invalid restart policy: maximum retry count can only be used with 'on-failure': {text!r}")
    return RestartPolicy(name=name, maximum_retry_count=int(count))
