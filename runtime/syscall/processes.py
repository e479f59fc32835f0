"""What a process may be told about itself and others: prctl, limits, pidfds, exec by descriptor."""

from __future__ import annotations

import ctypes

from runtime.syscall.libc import LIBC, NULL, check, number, syscall, text

PR_SET_PDEATHSIG = 1
PR_GET_DUMPABLE = 3
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37
PR_SET_NO_NEW_PRIVS = 38

# setrlimit's numbers, by the names of the runtime-spec.
RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}

_AT_EMPTY_PATH = 0x1000


def prctl(option: int, value: int = 0, third: int = 0) -> int:
    """prctl(2) with plain numbers."""
    return check(LIBC.prctl(option, *(ctypes.c_ulong(each) for each in (value, third, 0, 0))), f"prctl {option}")


def adopts_orphans() -> bool:
    """Whether processes below this one whose parent ends become its children."""
    adopts = ctypes.c_int()
    check(LIBC.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(adopts), NULL, NULL, NULL), "prctl 37")
    return bool(adopts.value)


def prlimit(pid: int, resource: int, soft: int, hard: int) -> None:
    """Set a resource limit of a process; pid 0 is this one. -1 is no limit."""
    limits = (ctypes.c_uint64 * 2)(soft & 0xFFFFFFFFFFFFFFFF, hard & 0xFFFFFFFFFFFFFFFF)
    check(LIBC.prlimit64(pid, resource, ctypes.byref(limits), NULL), f"prlimit {resource}")


def pidfd_open(pid: int) -> int:
    """A descriptor of a process, which never comes to mean another one."""
    return syscall(434, f"pidfd_open {pid}", pid, 0)


def pidfd_send_signal(pidfd: int, signal: int) -> None:
    """Send a signal to the process of a pidfd."""
    syscall(424, "pidfd_send_signal", pidfd, signal, NULL, 0)


def pidfd_getfd(pidfd: int, descriptor: int) -> int:
    """A copy of another process's descriptor."""
    return syscall(438, "pidfd_getfd", pidfd, descriptor, 0)


def execveat(descriptor: int, arguments: list[str], environment: list[str]) -> None:
    """Execute the program a descriptor is open on; returns only by raising OSError."""
    argv, envp = _vector(arguments), _vector(environment)
    check(LIBC.execveat(descriptor, b"", argv, envp, _AT_EMPTY_PATH), "execveat")


def join_session_keyring() -> None:
    """Give this process a session keyring of its own, so that no key of the caller is seen."""
    syscall(number("keyctl"), "keyctl", 1, NULL)


def _vector(strings: list[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(strings) + 1))(*(text(each) for each in strings), None)
