"""What a process is called where processes are listed: the words it was started with, replaced."""

from __future__ import annotations

import ctypes


def entitle(title: str) -> None:
    """Replace the words in /proc/self/cmdline by a title, which is cut to their length.

    A fork that does something else than its parent should not show, for as long as it lives, what that was asked for.
    """
    start, end = _place()
    room = end - start
    if room > 0:
        ctypes.memset(start, 0, room)
        written = title.encode()[: room - 1]
        ctypes.memmove(start, written, len(written))


def _place() -> tuple[int, int]:
    """Where the words are in memory: fields 48 and 49 of /proc/self/stat, see proc(5)."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return int(fields[45]), int(fields[46])
