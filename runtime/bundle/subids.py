"""/etc/subuid and /etc/subgid: the ids of the host that a user's namespaces may have."""

import re
from typing import Final

from runtime.bundle.errors import Conflict
from runtime.bundle.given import IdMap

DEFAULT_USER: Final = "entrepot"
"""Whose ranges `--userns remap` takes when no user is named."""
LARGEST: Final = 2**20
"""Bytes of such a file."""
MOST_RANGES: Final = 64
_HIGHEST: Final = 2**32
_range = re.compile(r"([^:\s]+):([0-9]{1,10}):([0-9]{1,10})").fullmatch


def read(content: bytes, user: str, *, uid: int | None = None, first: int = 0) -> tuple[IdMap, ...]:
    """Map the ids of a container from `first` on to the ranges of a user, who stands there by name or by number.

    Lines that are no ranges are passed over. Raises Conflict when the user has none.
    """
    if len(content) > LARGEST:
        raise Conflict(f"the file of subordinate ids is larger than {LARGEST} bytes")
    names = {user} if uid is None else {user, str(uid)}
    found: list[IdMap] = []
    for line in content.decode("utf-8", "replace").splitlines():
        fields = _range(line.strip())
        if fields is None or fields[1] not in names:
            continue
        host, size = int(fields[2]), int(fields[3])
        if size and host + size < _HIGHEST and first + size < _HIGHEST and len(found) < MOST_RANGES:
            found.append(IdMap(container=first, host=host, size=size))
            first += size
    if not found:
        raise Conflict(
            f"user {user!r} has no subordinate ids; add a line {user}:100000:65536 to /etc/subuid and /etc/subgid"
        )
    return tuple(found)
