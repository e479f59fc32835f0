"""Putting a filter of system calls over this process."""

from __future__ import annotations

import ctypes

from runtime.syscall.libc import number, syscall

SECCOMP_SET_MODE_FILTER = 1

FILTER_FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
    "SECCOMP_FILTER_FLAG_NEW_LISTENER": 8,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def load_filter(program: bytes, flags: int = 0) -> int:
    """Load a BPF program, 8 bytes an instruction; return the listener's descriptor if the flags ask for one, else 0."""
    structure = _Program(len(program) // 8, program)
    return syscall(number("seccomp"), "seccomp", SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(structure))
