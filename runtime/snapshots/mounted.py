"""Where a snapshot is mounted: the folders it was mounted on are written down, the kernel says which still are."""

from __future__ import annotations

import os
import re

_OCTAL = re.compile(rb"\\([0-7]{3})")


def remember(path: str, target: str) -> None:
    """Write a folder down before something is mounted on it. The path is of the list."""
    if target not in _remembered(path):
        with open(path, "ab") as file:
            file.write(os.fsencode(target.replace("\n", "")) + b"\n")


def mounted(path: str) -> list[str]:
    """Those folders on the list that something is mounted on, in this mount namespace."""
    remembered = _remembered(path)
    if not remembered:
        return []
    now = mount_points()
    return [target for target in remembered if target in now]


def mount_points() -> set[str]:
    """All of this mount namespace; /proc/self/mountinfo, proc(5), with blanks and such in octal."""
    with open("/proc/self/mountinfo", "rb") as file:
        fields = [line.split(b" ")[4] for line in file]
    return {os.fsdecode(_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), field)) for field in fields}


def _remembered(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            return [os.fsdecode(line.rstrip(b"\n")) for line in file]
    except FileNotFoundError:
        return []
