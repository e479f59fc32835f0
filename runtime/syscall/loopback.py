"""The loopback interface of a network namespace: down when it is new."""

from __future__ import annotations

import ctypes
import struct

from runtime.syscall.libc import LIBC, check

_AF_INET, _SOCK_DGRAM_CLOEXEC = 2, 2 | 0o2000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 1


def bring_up() -> None:
    """Bring `lo` up in this process's network namespace. Raise OSError."""
    descriptor = check(LIBC.socket(_AF_INET, _SOCK_DGRAM_CLOEXEC, 0), "socket")
    try:
        request = ctypes.create_string_buffer(struct.pack("16sh22x", b"lo", 0), 40)
        check(LIBC.ioctl(descriptor, ctypes.c_ulong(_SIOCGIFFLAGS), request), "flags of lo")
        (flags,) = struct.unpack_from("h", request.raw, 16)
        struct.pack_into("h", request, 16, flags | _IFF_UP)
        check(LIBC.ioctl(descriptor, ctypes.c_ulong(_SIOCSIFFLAGS), request), "bring lo up")
    finally:
        LIBC.close(descriptor)
