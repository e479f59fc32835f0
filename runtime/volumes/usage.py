"""How many bytes volumes take, for `system df`."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """A volume's bytes, and how many containers have it."""

    name: str
    size: int
    links: int


class Total(NamedTuple):
    """All volumes: how many, how many in use, their bytes, and those of the ones that are not in use."""

    volumes: int
    active: int
    size: int
    reclaimable: int


def total(usages: Iterable[Usage]) -> Total:
    """The line of `system df`. Pure."""
    every = list(usages)
    idle = [each.size for each in every if not each.links]
    return Total(len(every), len(every) - len(idle), sum(each.size for each in every), sum(idle))


def size(folder: Path) -> int:
    """The bytes of all files below a folder; of a hard link once. What vanishes meanwhile does not count."""
    counted: set[tuple[int, int]] = set()
    found = 0
    folders = [os.fspath(folder)]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append(entry.path)
            elif (status.st_dev, status.st_ino) not in counted:
                counted.add((status.st_dev, status.st_ino))
                found += status.st_size
    return found
