"""Locks between processes by flock: they end with whoever held them."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

PAUSE = 0.02


@contextmanager
def held(path: str) -> Iterator[None]:
    """Hold a lock whose file may be removed by its holder."""
    descriptor = _opened(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _opened(path: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # whoever held it removed the file, and this is the lock of a container that is gone
        os.close(descriptor)


@contextmanager
def tried(path: str) -> Iterator[bool]:
    """Hold a lock if nobody else does; whether that is so."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _ours(path, descriptor)
    finally:
        os.close(descriptor)


def _ours(path: str, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.stat(path).st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def is_held(path: str) -> bool:
    """Whether anybody holds it now."""
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
    """Wait until nobody holds it; whether that came within so many seconds."""
    end = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True
