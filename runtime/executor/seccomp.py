"""The filter of system calls: the specification's rules given to libseccomp, as runc does, and taken back as BPF.

The library is loaded by name before any container is entered. In front of its program stands a short one of ours: a
system call newer than all that the rules name answers ENOSYS, so that programs fall back to an older one instead of
believing that it is forbidden (runc's behaviour since 1.0.0-rc93).
"""

from __future__ import annotations

import ctypes
import os
import struct

from runtime.executor.errors import InvalidSpec
from runtime.executor.filters import Filter
from runtime.syscall.libc import MACHINE
from runtime.syscall.seccomp import FILTER_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ENOSYS = 38
_EPERM = 1
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_ACTIONS = {
    "SCMP_ACT_KILL": 0,
    "SCMP_ACT_KILL_THREAD": 0,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": _ERRNO,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": _ALLOW,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
}
_COMPARISONS = {
    "SCMP_CMP_NE": 1,
    "SCMP_CMP_LT": 2,
    "SCMP_CMP_LE": 3,
    "SCMP_CMP_EQ": 4,
    "SCMP_CMP_GE": 5,
    "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}
_NATIVE = {
    "x86_64": 0xC000003E,
    "aarch64": 0xC00000B7,
    "riscv64": 0xC00000F3,
    "s390x": 0x80000016,
    "ppc64le": 0xC0000015,
}
_X32_BIT = 0x40000000
ACTIONS, OPERATORS = sorted(_ACTIONS), sorted(_COMPARISONS)
ARCHITECTURES = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"]


class _Argument(ctypes.Structure):
    _fields_ = (("number", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def compile_filter(rules: dict[str, Any]) -> Filter:
    """Translate the specification's `linux.seccomp`. Raise InvalidSpec for what is unknown or not to be had here."""
    library = _library()
    default = _action(rules, "defaultAction", "defaultErrnoRet")
    handle = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))
    if not handle.value:
        raise InvalidSpec("seccomp: libseccomp refuses the default action")
    try:
        for architecture in rules.get("architectures") or []:
            _add_architecture(library, handle, str(architecture))
        for rule in rules.get("syscalls") or []:
            _add_rule(library, handle, rule, default)
        program = _export(library, handle)
    finally:
        library.seccomp_release(handle)
    if default not in (_ALLOW, _ERRNO | _ENOSYS) and rules.get("defaultAction") != "SCMP_ACT_LOG":
        program = _unknown_calls(library, rules) + program
    notifies = any(rule.get("action") == "SCMP_ACT_NOTIFY" for rule in rules.get("syscalls") or [])
    return Filter(program, _flags(rules, notifies=notifies), notifies=notifies)


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise InvalidSpec(
            "the specification has seccomp rules: install libseccomp (libseccomp2) to apply them"
        ) from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    return library


def _action(rule: dict[str, Any], key: str, errno_key: str) -> int:
    name = rule.get(key)
    if name not in _ACTIONS:
        raise InvalidSpec(f"seccomp: unknown action {name!r}")
    errno = rule.get(errno_key)
    if name in ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"):
        return _ACTIONS[name] | (_EPERM if errno is None else int(errno) & 0xFFFF)
    if errno:
        raise InvalidSpec(f"seccomp: action {name} takes no errno")
    return _ACTIONS[name]


def _add_architecture(library: ctypes.CDLL, handle: ctypes.c_void_p, name: str) -> None:
    token = library.seccomp_arch_resolve_name(name.removeprefix("SCMP_ARCH_").lower().encode())
    if not token:
        raise InvalidSpec(f"seccomp: unknown architecture {name!r}")
    added = library.seccomp_arch_add(handle, ctypes.c_uint32(token))
    if added not in (0, -17):  # -EEXIST: the native one is there already
        raise InvalidSpec(f"seccomp: architecture {name}: {os.strerror(-added).lower()}")


def _add_rule(library: ctypes.CDLL, handle: ctypes.c_void_p, rule: dict[str, Any], default: int) -> None:
    action = _action(rule, "action", "errnoRet")
    if action == default:
        return  # libseccomp has no rule that says what it does anyway
    arguments = [_argument(each) for each in rule.get("args") or []]
    # Two comparisons of one argument are not both possible in a rule: as runc does, either may fit.
    numbers = [each.number for each in arguments]
    groups = [[each] for each in arguments] if len(set(numbers)) < len(numbers) else [arguments]
    for name in rule.get("names") or []:
        number = library.seccomp_syscall_resolve_name(str(name).encode())
        if number == -1:
            continue  # newer than the library, or not of any machine
        for group in groups:
            array = (_Argument * len(group))(*group)
            added = library.seccomp_rule_add_array(handle, ctypes.c_uint32(action), number, len(group), array)
            if added not in (0, -17):
                raise InvalidSpec(f"seccomp: rule for {name}: {os.strerror(-added).lower()}")


def _argument(argument: dict[str, Any]) -> _Argument:
    operator = argument.get("op")
    if operator not in _COMPARISONS:
        raise InvalidSpec(f"seccomp: unknown operator {operator!r}")
    value, second = int(argument.get("value") or 0), int(argument.get("valueTwo") or 0)
    return _Argument(int(argument["index"]), _COMPARISONS[operator], value, second)


def _export(library: ctypes.CDLL, handle: ctypes.c_void_p) -> bytes:
    memory = os.memfd_create("seccomp", 1)
    try:
        if library.seccomp_export_bpf(handle, memory):
            raise InvalidSpec("seccomp: libseccomp cannot make a program of the rules")
        size = os.lseek(memory, 0, os.SEEK_END)
        return os.pread(memory, size, 0)
    finally:
        os.close(memory)


def _unknown_calls(library: ctypes.CDLL, rules: dict[str, Any]) -> bytes:
    """Answer ENOSYS to calls of this machine that are newer than the newest the rules name."""
    native = _NATIVE.get(MACHINE, 0)
    newest = 0
    for rule in rules.get("syscalls") or []:
        for name in rule.get("names") or []:
            newest = max(newest, library.seccomp_syscall_resolve_name(str(name).encode()))
    if not newest or not native:
        return b""
    code = [
        (0x20, 0, 0, 4),  # the architecture
        (0x15, 0, 4, native),  # another: to the filter
        (0x20, 0, 0, 0),  # the number
        (0x35, 2, 0, _X32_BIT),  # of the other ABI: to the filter
        (0x25, 0, 1, newest),  # not newer: to the filter
        (0x06, 0, 0, _ERRNO | _ENOSYS),
    ]
    return b"".join(struct.pack("<HBBI", *each) for each in code)


def _flags(rules: dict[str, Any], *, notifies: bool) -> int:
    flags = FILTER_FLAGS["SECCOMP_FILTER_FLAG_NEW_LISTENER"] if notifies else 0
    for name in rules.get("flags") or []:
        if name not in FILTER_FLAGS:
            raise InvalidSpec(f"seccomp: unknown flag {name!r}")
        if name != "SECCOMP_FILTER_FLAG_TSYNC":  # there is only one thread
            flags |= FILTER_FLAGS[name]
    return flags
