"""Locks between processes by flock: they end with the process that held them."""

from __future__ import annotations

import fcntl
import os
import time

PAUSE = 0.02


class held:  # noqa: N801 - a context, used as a verb
    """Hold a lock whose file may be removed by its holder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._descriptor = _opened(self._path)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _opened(path: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # the process that held it removed the file, and this is the lock of a container that is gone
        os.close(descriptor)


class tried:  # noqa: N801 - a context, used as a verb
    """Hold a lock if no other process does; whether that is so."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> bool:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return _ours(self._path, self._descriptor)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _ours(path: str, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.stat(path).st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def is_held(path: str) -> bool:
    """Whether any process holds it now."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def until_free(path: str, seconds: float) -> bool:
    """Wait until no process holds it; whether that came within so many seconds."""
    end = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True
