"""Every stored path, for each driver the same.

<root>/<driver>/
  lock                           held while snapshots come to be or go
  locks/<algorithm>-<hex>        held while the layer of this chain is unpacked
  committed/<algorithm>-<hex>/   a layer over its parent; never changed
    record                       its chain id and its parent's
    tree/                        what the layer has, with marks for what it hides
    size                         what that takes on the disk, where that is known by now
  active/<key>/                  what is written over a committed snapshot
    record                       its key and its parent's chain id
    targets                      where it was mounted, a line each
    ids                          with which maps its files were given to the ids of a user namespace, if they were
    tree/                        what is written there; of the copying driver, all that a container sees
    work/                        overlayfs' own
  aside/<random>/                snapshots that come to be or go; locked by who is at it, else swept
  empty/                         what an active snapshot without a parent is over
"""

from __future__ import annotations

import os
import re

from runtime.snapshots.chain import checked
from runtime.snapshots.errors import InvalidKey

RECORD, TREE, WORK, SIZE, TARGETS, IDS = "record", "tree", "work", "size", "targets", "ids"

_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}", re.ASCII)


class Paths:
    """Below the folder of one driver."""

    def __init__(self, root: str, driver: str) -> None:
        self.root = os.path.join(os.path.abspath(root), driver)
        self.lock = f"{self.root}/lock"
        self.locks = f"{self.root}/locks"
        self.committed = f"{self.root}/committed"
        self.active = f"{self.root}/active"
        self.aside = f"{self.root}/aside"
        self.empty = f"{self.root}/empty"

    def make(self) -> None:
        """Make the folders that are not there, closed to others: layers have programs that set user ids."""
        for folder in (self.root, self.locks, self.committed, self.active, self.aside, self.empty):
            os.makedirs(folder, 0o700, exist_ok=True)

    def chain_lock(self, chain: str) -> str:
        return f"{self.locks}/{_chain_name(chain)}"

    def snapshot(self, name: str) -> str:
        """The folder of a snapshot, by chain id or key. Raises InvalidKey."""
        if is_chain(name):
            return f"{self.committed}/{_chain_name(name)}"
        if _KEY.fullmatch(name) is None:
            raise InvalidKey(f"snapshot key {name[:160]!r} is not valid, use up to 128 letters, digits, _ . and -")
        return f"{self.active}/{name}"


def is_chain(name: str) -> bool:
    """Whether it is meant to be a chain id: no key has a colon."""
    return ":" in name


def _chain_name(chain: str) -> str:
    return checked(chain).replace(":", "-")
