"""Removing a tree of any depth, by descriptors: no link within it leads anywhere, no depth is too deep."""

import os

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def empty(folder: int) -> None:
    """Remove all that is in an open folder.

    A folder in it is emptied by moving the folders it has up here, so that nothing is ever more than one level away.
    """
    while names := _entries(folder):
        for name in names:
            if _is_file_and_gone(folder, name):
                continue
            below = os.open(name, _FOLDER, dir_fd=folder)
            try:
                for inner in _entries(below):
                    if not _is_file_and_gone(below, inner):
                        os.rename(inner, os.urandom(16).hex(), src_dir_fd=below, dst_dir_fd=folder)
            finally:
                os.close(below)
            os.rmdir(name, dir_fd=folder)


def _entries(folder: int) -> list[str]:
    return os.listdir(folder)


def _is_file_and_gone(folder: int, name: str) -> bool:
    try:
        os.unlink(name, dir_fd=folder)
    except (IsADirectoryError, PermissionError):
        return False
    return True
