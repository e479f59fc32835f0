"""Forking into namespaces and a control group in one system call, which os.fork() cannot.

The call is made with Python's global lock held and without glibc's knowledge: only for a process that has one thread
and whose child either executes something or makes system calls until it leaves.
"""

from __future__ import annotations

import ctypes
import os

from runtime.syscall.libc import check

_CLONE3 = 435
_CLONE_INTO_CGROUP = 1 << 33
_SIGCHLD = 17
_LIBC = ctypes.PyDLL(None, use_errno=True)


class _CloneArguments(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "flags",
            "pidfd",
            "child_tid",
            "parent_tid",
            "exit_signal",
            "stack",
            "stack_size",
            "tls",
            "set_tid",
            "set_tid_size",
            "cgroup",
        )
    )


def fork_into(namespaces: int, cgroup: str) -> int:
    """Fork; the child is born in new namespaces (CLONE_NEW*) and, if named, in a version 2 group's directory.

    Returns 0 in the child and the child's pid in the parent. Raise OSError; then nothing was forked.
    """
    directory = os.open(cgroup, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) if cgroup else -1
    arguments = _CloneArguments(flags=namespaces, exit_signal=_SIGCHLD)
    if directory >= 0:
        arguments.flags |= _CLONE_INTO_CGROUP
        arguments.cgroup = directory
    try:
        size = ctypes.c_long(ctypes.sizeof(arguments))
        return check(_LIBC.syscall(ctypes.c_long(_CLONE3), ctypes.byref(arguments), size), "clone3")
    finally:
        if directory >= 0:
            os.close(directory)
