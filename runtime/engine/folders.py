"""Removing a folder with all in it, and finding programs; shutil would do both, and bring every compression along."""

from __future__ import annotations

import contextlib
import os


def remove(path: str) -> None:
    """Remove a folder of ours as far as it can be removed; links in it are removed, not followed."""
    try:
        with os.scandir(path) as entries:
            found = list(entries)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            remove(entry.path)
        else:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
    with contextlib.suppress(OSError):
        os.rmdir(path)


def program(name: str) -> str:
    """Where PATH has a program; empty if nowhere."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""
