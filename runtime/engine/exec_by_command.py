"""One more process by the command line of an OCI runtime, whichever it is."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.engine import state
from runtime.engine.errors import EngineError, StartFailed
from runtime.engine.listening import listening
from runtime.engine.monitor.oci import Oci, RuntimeFailed
from runtime.engine.paths import Of, Paths
from runtime.executor.documents import compact

TERMINAL_SECONDS = 10.0
"""Seconds within which the OCI runtime hands over a terminal."""


def start(
    paths: Paths, of: Of, program: Sequence[str], process: dict[str, Any], streams: Mapping[int, int]
) -> tuple[int, int]:
    """Its pid, and the master of its terminal or -1. Raises StartFailed."""
    name = f"{of.run}/exec-{os.urandom(8).hex()}"
    oci = Oci(program, paths.oci, of.id, f"{name}.log")
    words = ["exec", "--process", f"{name}.json", "--pid-file", f"{name}.pid", "--detach"]
    try:
        with open(f"{name}.json", "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(compact(process))
        if process["terminal"]:
            return _with_terminal(oci, of, words, streams)
        return _exec(oci, of, words, streams), -1
    finally:
        for ending in ("json", "pid", "log"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{name}.{ending}")


def _exec(oci: Oci, of: Of, words: Sequence[str], streams: Mapping[int, int]) -> int:
    before = _children()
    try:
        oci.run(*words, of.id, stdio=streams)
    except RuntimeFailed as error:
        _reap(state.read(of.state).pid, _children() - before)
        raise StartFailed(f"OCI runtime exec failed: {error}", error.code) from None
    with open(words[words.index("--pid-file") + 1], encoding="ascii") as file:
        return int(file.read())


def _with_terminal(oci: Oci, of: Of, words: Sequence[str], streams: Mapping[int, int]) -> tuple[int, int]:
    with listening(of.run, f"tty-{os.urandom(8).hex()}") as (listener, path):
        pid = _exec(oci, of, [*words, "--console-socket", path], streams)
        listener.settimeout(TERMINAL_SECONDS)
        connection, _ = listener.accept()
        with connection:
            _, fds, _, _ = socket.recv_fds(connection, 4096, 2)
    if len(fds) != 1:
        for descriptor in fds:
            os.close(descriptor)
        raise EngineError(f"the OCI runtime handed over {len(fds)} descriptors, not one terminal")
    return pid, fds[0]


def _reap(container: int, children: set[int]) -> None:
    """End and take those of a container that became ours: its first process cannot end while one of them waits.

    A zombie has no cgroup to be known by, but still its PID namespace.
    """
    with contextlib.suppress(OSError):
        namespace = os.readlink(f"/proc/{container}/ns/pid")
        for child in children:
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{child}/ns/pid") == namespace:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)


def _children() -> set[int]:
    """Children of every thread of this process: an orphan comes to whichever the kernel takes."""
    found: set[int] = set()
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
            found.update(map(int, file.read().split()))
    return found
