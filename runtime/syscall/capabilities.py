"""The five capability sets of this process; a set is a number with bit n for capability n."""

from __future__ import annotations

import ctypes

from runtime.syscall.libc import LIBC, check

_VERSION_3 = 0x20080522
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_AMBIENT_RAISE = 2
_AMBIENT_CLEAR_ALL = 4


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def capget() -> tuple[int, int, int]:
    """The effective, permitted and inheritable sets."""
    data = (_Data * 2)()
    check(LIBC.capget(ctypes.byref(_Header(_VERSION_3, 0)), data), "capget")
    low, high = data
    return (
        low.effective | high.effective << 32,
        low.permitted | high.permitted << 32,
        low.inheritable | high.inheritable << 32,
    )


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the effective, permitted and inheritable sets."""
    low = [each & 0xFFFFFFFF for each in (effective, permitted, inheritable)]
    high = [each >> 32 for each in (effective, permitted, inheritable)]
    data = (_Data * 2)(_Data(*low), _Data(*high))
    check(LIBC.capset(ctypes.byref(_Header(_VERSION_3, 0)), data), "capset")


def drop_bounding(keep: int) -> None:
    """Take every capability that is not in `keep` out of the bounding set, as far as the kernel knows them."""
    for capability in range(64):
        held = LIBC.prctl(_PR_CAPBSET_READ, ctypes.c_ulong(capability), 0, 0, 0)
        if held < 0:
            return
        if held and not keep >> capability & 1:
            check(LIBC.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0), f"drop capability {capability}")


def set_ambient(ambient: int) -> None:
    """Make the ambient set exactly this; each must be permitted and inheritable."""
    zero = ctypes.c_ulong(0)
    check(LIBC.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_AMBIENT_CLEAR_ALL), zero, zero, zero), "clear ambient set")
    for capability in range(64):
        if ambient >> capability & 1:
            raised = LIBC.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_AMBIENT_RAISE), ctypes.c_ulong(capability), zero, zero)
            check(raised, f"raise ambient capability {capability}")
