"""Version 2 has no files for devices: a small eBPF program decides on each access. Assembled and attached here.

The program is given a pointer to three numbers: access and type (access in the upper 16 bits), major, minor. It
returns 1 to allow. Rules are tested from the last to the first, because the last that fits decides.
"""

from __future__ import annotations

import ctypes
import struct

from runtime.cgroups.devices import fields
from runtime.syscall.libc import MACHINE, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_PROG_LOAD = 5
_PROG_ATTACH = 8
_TYPE_CGROUP_DEVICE = 15
_ATTACH_CGROUP_DEVICE = 6

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
    """Load a program and attach it to the group a directory descriptor is open on. Raise OSError."""
    instructions, license_text = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"Apache")
    load = struct.pack(
        "<IIQQIIQII",
        _TYPE_CGROUP_DEVICE,
        len(code) // 8,
        ctypes.addressof(instructions),
        ctypes.addressof(license_text),
        0,
        0,
        0,
        0,
        0,
    )
    loaded = _bpf(_PROG_LOAD, load)
    try:
        _bpf(_PROG_ATTACH, struct.pack("<IIII", directory, loaded, _ATTACH_CGROUP_DEVICE, 0))
    finally:
        ctypes.CDLL(None).close(loaded)


def _bpf(command: int, attributes: bytes) -> int:
    if MACHINE not in _BPF:
        raise OSError(38, "function not implemented", f"bpf on {MACHINE}")
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return syscall(_BPF[MACHINE], "bpf", command, buffer, len(attributes))
