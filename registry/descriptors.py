"""The limit of open files: raised at the start to what the bounds need, and looked at while clients are connected."""

from __future__ import annotations

import errno
import logging
import os
import resource
import time

log = logging.getLogger(__name__)

OF_A_WORKER = 256
"""Descriptors that a worker needs besides those of its connections: its database, its storage, its threads."""

SAY_SECONDS = 60.0
"""Between two lines of the log about the same."""


def needed(connections: int) -> int:
    """For so many connections, each with a blob open."""
    return OF_A_WORKER + 2 * connections


def raise_limit(connections: int) -> int:
    """Raise the soft limit to what so many connections need; how many connections there is room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = needed(connections)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    room = max(1, (soft - OF_A_WORKER) // 2)
    log.warning(
        "limits.connections is %d, but a process may open %d files, enough for %d connections; raise the hard limit to"
        " %d (ulimit -Hn, LimitNOFILE=), or lower limits.connections",
        connections,
        soft,
        room,
        wanted,
    )
    return room


class Watch:
    """Notices that no descriptor is free: the system then closes new connections before the server hears of them."""

    def __init__(self) -> None:
        self._said = -SAY_SECONDS

    def look(self) -> bool:
        """Whether none is free; says so in the log once in a while."""
        try:
            os.close(os.dup(0))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                return False
        else:
            return False
        now = time.monotonic()
        if now - self._said >= SAY_SECONDS:
            self._said = now
            log.error("no file descriptor is free: new connections are closed; raise the limit of open files")
        return True
