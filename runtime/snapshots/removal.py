"""Removing trees by descriptors, however deep they are, and never through a link."""

from __future__ import annotations

import os

from runtime.snapshots.merged import DIRECTORY, listed


def remove_below(directory: int, name: bytes | str) -> None:
    """Remove what a folder has under a name, and all below it. Nothing happens when there is nothing."""
    base = os.fsencode(name)
    try:
        os.unlink(base, dir_fd=directory)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        _remove_directory(directory, base)


def _remove_directory(directory: int, base: bytes) -> None:
    """Down into the first folder that is met, and up when one is empty; one descriptor is open for each level."""
    levels = [(os.open(base, DIRECTORY, dir_fd=directory), base)]
    os.chmod(levels[0][0], 0o700)
    try:
        while levels:
            here = levels[-1][0]
            inner = _empty(here)
            if inner is not None:
                levels.append((os.open(inner, DIRECTORY, dir_fd=here), inner))
                os.chmod(levels[-1][0], 0o700)
                continue
            _, name = levels.pop()
            os.close(here)
            os.rmdir(name, dir_fd=levels[-1][0] if levels else directory)
    finally:
        for descriptor, _ in levels:
            os.close(descriptor)


def _empty(here: int) -> bytes | None:
    """Remove all that is no folder; a folder that is in the way."""
    for name in listed(here):
        try:
            os.unlink(name, dir_fd=here)
        except (IsADirectoryError, PermissionError):
            try:
                os.rmdir(name, dir_fd=here)
            except OSError:
                return name
    return None
