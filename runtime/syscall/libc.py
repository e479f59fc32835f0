"""The C library, loaded once, and how its failures become OSError."""

from __future__ import annotations

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
MACHINE = os.uname().machine

# What the older system calls are called by number; those since Linux 5.1 have one number on every machine.
_NUMBERS = {
    "x86_64": {"keyctl": 250, "seccomp": 317},
    "aarch64": {"keyctl": 219, "seccomp": 277},
    "riscv64": {"keyctl": 219, "seccomp": 277},
    "s390x": {"keyctl": 280, "seccomp": 348},
    "ppc64le": {"keyctl": 271, "seccomp": 358},
}

NULL = ctypes.c_void_p(None)


def check(result: int, what: str) -> int:
    """Return the result of a C function, or raise OSError naming `what` if it is negative."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return result


def syscall(number: int, what: str, *arguments: object) -> int:
    """Make a system call by number; whole numbers are passed in full width. Raise OSError naming `what`."""
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return check(LIBC.syscall(ctypes.c_long(number), *wide), what)


def number(name: str) -> int:
    """The number of one of the older system calls on this machine. Raise OSError(ENOSYS) where it is not known."""
    try:
        return _NUMBERS[MACHINE][name]
    except KeyError:
        raise OSError(38, "function not implemented", f"{name} on {MACHINE}") from None


def text(value: str | bytes | None) -> bytes | None:
    """A path or name as the C library wants it; None stays NULL."""
    return None if value is None else os.fsencode(value)
