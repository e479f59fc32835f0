"""The last program before the container's own: a static one of some 600 bytes, in a sealed memory file.

Why it is there (CVE-2019-5736): a container may name /proc/self/exe as its program, as the interpreter of its script,
or open /proc/PID/exe of what enters it, and later write to what it finds. If this process executed the container's
program itself, that would be the host's Python. So it executes the stub, which is sealed against writing and holds
nothing of the host, and the stub executes the program. While Python is still there it is not dumpable, so nothing in
the container can open what it is made of.

What the stub does, in C (the bytes are this, assembled with binutils):

    if (gate >= 0) {                                   // a created container waits for `start` here
        while ((n = read(gate, stack, 1)) == -EINTR);
        if (n != 1) exit_group(1);
        close(gate);
    }
    if (program.length) error = seccomp(SET_MODE_FILTER, flags, &program);
    if (!error) error = execve(argv[0], argv + 1, envp);
    for (m = messages; m->errno && m->errno != -error; m++);
    write(2, "exec ", 5); write(2, argv[0], strlen(argv[0])); write(2, m->text, m->length);
    exit_group(1);

The gate opens once: a program that is the stub again, by `#!/proc/self/exe`, finds it closed and ends. The parameters
stand behind the code: gate, flags, the filter's length and address, and the messages (errno, address, length), the
last with errno 0.
"""

from __future__ import annotations

import os
import struct

from runtime.executor.errors import StartFailed
from runtime.syscall.libc import LIBC, MACHINE, check

_CODE = {
    "x86_64": (
        62,
        bytes.fromhex(
            "4889e5488d1dc6000000488b3b4885ff7826488b3b488d75806a015a31c00f054883f8fc74ec4883"
            "f8010f8591000000488b3b6a03580f05837b10007417488d5310488b73086a015fb83d0100000f05"
            "4885c07816488b4d00488b7d08488d7510488d54cd106a3b580f05f7d84189c44c8d6b20418b4d00"
            "85c9740b4139cc74064983c518ebed6a025f6a0158488d35370000006a055a0f05488b750831d280"
            "3c16007404ffc2ebf66a01586a025f0f05498b7508498b55106a01586a025f0f056a015fb8e70000"
            "000f056578656320"
        ),
    ),
    "aarch64": (
        183,
        bytes.fromhex(
            "f3030091b4070010800240f9a001f8b7800240f9610202d1220080d2e80780d2010000d41f1000b1"
            "40ffff541f0400f1a1050054800240f9280780d2010000d4801240b9e0000034200080d2810640f9"
            "82420091a82280d2010000d4e000f8b7630240f9600640f961420091220c038ba81b80d2010000d4"
            "f503004b96820091c30240b9a30000347f00156b60000054d6620091fbffff17400080d2a1020010"
            "a20080d2080880d2010000d4610640f9020080d2236862386300003442040091fdffff17400080d2"
            "080880d2010000d4c10640f9c20a40f9400080d2080880d2010000d4200080d2c80b80d2010000d4"
            "6578656320000000"
        ),
    ),
}
_BASE = 0x400000
_HEADERS = 120
_MFD_CLOEXEC, _MFD_ALLOW_SEALING, _MFD_EXEC = 1, 2, 16
_F_ADD_SEALS = 1033
_ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8
_MESSAGES = {
    1: "operation not permitted",
    2: "no such file or directory",
    8: "exec format error",
    13: "permission denied",
    20: "not a directory",
    26: "text file busy",
    40: "too many levels of symbolic links",
    7: "argument list too long",
    12: "cannot allocate memory",
    0: "the kernel refused it",
}


def image(gate: int = -1, program: bytes = b"", flags: int = 0, machine: str = MACHINE) -> bytes:
    """The stub as an ELF file: `gate` is the descriptor to wait at or -1, and a seccomp filter to load or none.

    Raise StartFailed on a machine it was not written for.
    """
    if machine not in _CODE:
        raise StartFailed(f"containers cannot be started on {machine} yet: no sealed stub for it")
    number, code = _CODE[machine]
    parameters = _BASE + _HEADERS + len(code)
    texts = [f": {text}\n".encode() for text in _MESSAGES.values()]
    place = parameters + 32 + 24 * len(texts)
    table = b""
    for errno, text in zip(_MESSAGES, texts, strict=True):
        table += struct.pack("<QQQ", errno, place, len(text))
        place += len(text)
    body = struct.pack("<qQQQ", gate, flags, len(program) // 8, place) + table + b"".join(texts) + program
    size = _HEADERS + len(code) + len(body)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf = ident + struct.pack("<HHIQQQIHHHHHH", 2, number, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return elf + segment + code + body


def sealed(content: bytes) -> int:
    """A descriptor, for reading and closed on exec, of a memory file that no process can change any more."""
    flags = _MFD_CLOEXEC | _MFD_ALLOW_SEALING
    try:
        writable = os.memfd_create("entrepot-oci", flags | _MFD_EXEC)
    except OSError:  # before Linux 6.3
        writable = os.memfd_create("entrepot-oci", flags)
    try:
        os.write(writable, content)
        check(LIBC.fcntl(writable, _F_ADD_SEALS, _ALL_SEALS), "seal the stub")
        # A file that is open for writing cannot be executed.
        return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)
