"""What snapshots can fail with.

SnapshotError
  NotFound        no such snapshot
  Exists          the key is taken
  InUse           it is mounted, or others are over it
  InvalidKey      not a key, or not a chain id
  Unsupported     this machine or folder cannot hold snapshots of this driver
  InvalidLayer    a layer that is not well-formed, or that does what no layer may
    LimitExceeded   it is larger than the limits allow
    Corrupt         its compressed stream is cut off or damaged
    DiffMismatch    it is another layer than was asked for
"""

from __future__ import annotations

import os

SHOWN = 160
"""Characters of a name from a layer that an error repeats."""


class SnapshotError(Exception):
    """Base of all."""


class NotFound(SnapshotError):
    """No such snapshot."""

    def __init__(self, name: str) -> None:
        super().__init__(f"snapshot {name[:SHOWN]} is not there")
        self.name = name


class Exists(SnapshotError):
    """An active snapshot of that key is there already."""

    def __init__(self, key: str) -> None:
        super().__init__(f"snapshot {key[:SHOWN]} is there already, remove it or take another key")
        self.key = key


class InUse(SnapshotError):
    """It cannot be removed; `users` are the snapshots over it and the folders it is mounted on."""

    def __init__(self, name: str, users: list[str]) -> None:
        shown = ", ".join(users[:3]) + (f" and {len(users) - 3} more" if len(users) > 3 else "")
        super().__init__(f"snapshot {name[:SHOWN]} is in use by {shown}, remove or unmount that first")
        self.name = name
        self.users = users


class InvalidKey(SnapshotError):
    """Not a key, or not a chain id or diffID."""


class Unsupported(SnapshotError):
    """This machine, or the file system of the folder, cannot do what the driver needs."""


class InvalidLayer(SnapshotError):
    """The layer is refused; `entry` names what in it, or is empty."""

    def __init__(self, reason: str, entry: bytes = b"") -> None:
        self.entry = os.fsdecode(entry)
        super().__init__(f"layer entry {printable(self.entry)}: {reason}" if entry else f"layer: {reason}")
        self.reason = reason


class LimitExceeded(InvalidLayer):
    """The layer is larger, in some way, than the limits allow (limits.py)."""


class Corrupt(InvalidLayer):
    """The stream ends too early, or its compression does not decode."""


class DiffMismatch(InvalidLayer):
    """What came is another layer."""

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(f"its uncompressed bytes are {actual}, not {expected}; pull it again")
        self.expected = expected
        self.actual = actual


def printable(name: str) -> str:
    """A name from a layer as a message may show it: escaped, cut."""
    return ascii(name[:SHOWN])
