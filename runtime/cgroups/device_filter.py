"""Version 2 has no files for devices: a small eBPF program decides on each access. Assembled and attached here.

The program is given a pointer to three numbers: access and type (access in the upper 16 bits), major, minor. It
returns 1 to allow. Rules are tested from the last to the first, because the last that fits decides.
"""

from __future__ import annotations

import ctypes
import os
import struct

from runtime.cgroups.devices import fields
from runtime.syscall.libc import MACHINE, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_PROG_LOAD = 5
_PROG_ATTACH = 8
_PROG_DETACH = 9
_PROG_GET_FD_BY_ID = 13
_PROG_QUERY = 16
_TYPE_CGROUP_DEVICE = 15
_ATTACH_CGROUP_DEVICE = 6
# Programs of groups further down are asked as well: a container may have containers in it.
_ALLOW_MULTI = 2
_MOST_ATTACHED = 64

_KINDS = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}

_LOAD = 0x61  # dst = *(u32 *)(src + offset)
_MOVE = 0xBC
_MOVE_NUMBER = 0xB7
_AND = 0x54
_SHIFT_RIGHT = 0x74
_JUMP_EQUAL = 0x15
_JUMP_NOT_EQUAL = 0x55
_JUMP_NOT_EQUAL_REGISTER = 0x5D
_JUMPS = (_JUMP_EQUAL, _JUMP_NOT_EQUAL, _JUMP_NOT_EQUAL_REGISTER)
_EXIT = 0x95


def program(rules: list[dict[str, Any]]) -> bytes:
    """The program for a list of rules; what no rule fits is denied."""
    code = [
        _instruction(_LOAD, 2, 1, 0),
        _instruction(_AND, 2, 0, 0, 0xFFFF),
        _instruction(_LOAD, 3, 1, 0),
        _instruction(_SHIFT_RIGHT, 3, 0, 0, 16),
        _instruction(_LOAD, 4, 1, 4),
        _instruction(_LOAD, 5, 1, 8),
    ]
    for rule in reversed(rules):
        block = _rule(rule)
        code += block
        if len(block) == 2:
            return b"".join(code)  # it fits everything; what stood before it is never reached
    code += _answer(False)
    return b"".join(code)


def _rule(rule: dict[str, Any]) -> list[bytes]:
    kind, major, minor, access = fields(rule)
    allowed = bool(rule.get("allow"))
    tests: list[tuple[int, int, int, int]] = []
    if kind in _KINDS:
        tests.append((_JUMP_NOT_EQUAL, 2, 0, _KINDS[kind]))
    bits = sum(_ACCESS[each] for each in set(access))
    if bits != 7 and kind != "a":
        tests += [(_MOVE, 0, 3, 0), (_AND, 0, 0, bits)]
        # An access is allowed if it asks for nothing beside these, and denied if it asks for any of them.
        tests.append((_JUMP_NOT_EQUAL_REGISTER, 0, 3, 0) if allowed else (_JUMP_EQUAL, 0, 0, 0))
    if kind != "a":
        tests += [(_JUMP_NOT_EQUAL, each, 0, value) for each, value in ((4, major), (5, minor)) if value >= 0]
    return _assemble(tests, allowed)


def _assemble(tests: list[tuple[int, int, int, int]], allowed: bool) -> list[bytes]:
    """Each jump goes behind the two instructions of the answer."""
    code = []
    for place, (operation, destination, source, value) in enumerate(tests):
        jump = len(tests) - place + 1 if operation in _JUMPS else 0
        code.append(_instruction(operation, destination, source, jump, value))
    return code + _answer(allowed)


def _answer(allowed: bool) -> list[bytes]:
    return [_instruction(_MOVE_NUMBER, 0, 0, 0, int(allowed)), _instruction(_EXIT)]


def _instruction(code: int, destination: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("<BBhi", code, destination | source << 4, offset, value)


def attach(directory: int, code: bytes) -> None:
    """Load a program and attach it to the group a directory descriptor is open on, in place of those there.

    Raise OSError. For a moment the old ones and the new one are all asked, which can only deny more.
    """
    loaded, before = _load(code), _attached(directory)
    try:
        _bpf(_PROG_ATTACH, struct.pack("<IIII", directory, loaded, _ATTACH_CGROUP_DEVICE, _ALLOW_MULTI))
    finally:
        os.close(loaded)
    for number in before:
        old = _bpf(_PROG_GET_FD_BY_ID, struct.pack("<III", number, 0, 0))
        try:
            _bpf(_PROG_DETACH, struct.pack("<IIII", directory, old, _ATTACH_CGROUP_DEVICE, 0))
        finally:
            os.close(old)


def _load(code: bytes) -> int:
    """A descriptor of the program, once the kernel has found it good."""
    instructions, license_text = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"Apache")
    addresses = (ctypes.addressof(instructions), ctypes.addressof(license_text))
    return _bpf(_PROG_LOAD, struct.pack("<IIQQIIQII", _TYPE_CGROUP_DEVICE, len(code) // 8, *addresses, 0, 0, 0, 0, 0))


def _attached(directory: int) -> list[int]:
    """The numbers of the programs that are attached to this very group."""
    numbers = (ctypes.c_uint32 * _MOST_ATTACHED)()
    asked = struct.pack("<IIIIQI4x", directory, _ATTACH_CGROUP_DEVICE, 0, 0, ctypes.addressof(numbers), _MOST_ATTACHED)
    answer = ctypes.create_string_buffer(asked, len(asked))
    _call(_PROG_QUERY, answer)
    (count,) = struct.unpack_from("<I", answer, 24)
    return list(numbers[:count])


def _bpf(command: int, attributes: bytes) -> int:
    return _call(command, ctypes.create_string_buffer(attributes, len(attributes)))


def _call(command: int, attributes: ctypes.Array[ctypes.c_char]) -> int:
    if MACHINE not in _BPF:
        raise OSError(38, "function not implemented", f"bpf on {MACHINE}")
    return syscall(_BPF[MACHINE], "bpf", command, attributes, len(attributes))
