"""`--ulimit name=soft[:hard]`; -1 is unlimited."""

import re
from typing import Final

from runtime.bundle.container import Ulimit
from runtime.bundle.errors import ValueInvalid

NAMES: Final = (
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)
_limits = re.compile(r"(-1|[0-9]{1,19})(?::(-1|[0-9]{1,19}))?").fullmatch
_LARGEST: Final = 2**63 - 1


def read(text: str) -> Ulimit:
    """The limit that `text` sets; hard is soft unless it is said."""
    name, _, limits = text.partition("=")
    found = _limits(limits)
    if found is None:
        raise ValueInvalid(f"invalid ulimit argument: {text!r}; use name=soft[:hard], as in nofile=1024:2048")
    if name not in NAMES:
        raise ValueInvalid(f"invalid ulimit type: {name!r}; use one of {', '.join(NAMES)}")
    soft, hard = int(found[1]), int(found[2] or found[1])
    if max(soft, hard) > _LARGEST:
        raise ValueInvalid(f"invalid ulimit argument: {text!r}; the largest number is {_LARGEST}")
    if hard != -1 and (soft == -1 or soft > hard):
        raise ValueInvalid(f"ulimit soft limit must be less than or equal to hard limit: {text!r}")
    return Ulimit(name=name, soft=soft, hard=hard)
