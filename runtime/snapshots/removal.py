"""Removing trees by descriptors, however deep they are, and never through a link."""

from __future__ import annotations

import os

from runtime.snapshots.merged import DIRECTORY, listed


def remove_below(directory: int, name: bytes | str) -> None:
    """Remove what a folder has under a name, and all below it. Nothing happens when there is nothing."""
    base = os.fsencode(name)
    if _removed(directory, base):
        return
    top = os.open(base, DIRECTORY, dir_fd=directory)
    try:
        while names := listed(top):
            for each in names:
                if not _removed(top, each):
                    _raise_content(top, each)
                    os.rmdir(each, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(base, dir_fd=directory)


def _raise_content(top: int, name: bytes) -> None:
    """Empty a folder: folders in it that are not empty are moved up to `top`, so that depth costs no descriptors."""
    here = os.open(name, DIRECTORY, dir_fd=top)
    try:
        for each in listed(here):
            if not _removed(here, each):
                os.rename(each, os.urandom(8).hex().encode(), src_dir_fd=here, dst_dir_fd=top)
    finally:
        os.close(here)


def _removed(directory: int, name: bytes) -> bool:
    """Remove anything but a folder that is not empty; whether it is gone."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError):
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError:
            return False
    return True
