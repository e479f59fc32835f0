"""A fork of the monitor that becomes our own OCI runtime's `create`: it is ready before its container is.

It loads the runtime's code, which the monitor does without, and waits for a command line and the container's
descriptors. It ends with the verb, and leaves the container's first process to the monitor.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from importlib import import_module

from runtime.engine.monitor.oci import UMASK
from runtime.syscall.files import close_range
from runtime.syscall.processes import PR_SET_PDEATHSIG, prctl

_PROGRAM = "runtime.executor.forked"
_LARGEST = 65536


class Creator:
    """One fork that has not created anything yet."""

    def __init__(self) -> None:
        self._stream, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here = os.getpid()
        self._pid = os.fork()
        if not self._pid:
            _create(theirs.detach(), here)
        theirs.close()

    def create(self, words: Sequence[str], stdio: Mapping[int, int]) -> int:
        """Run a command line to its end; the status of its process. `stdio` says what its descriptors 0 to 2 are."""
        said = json.dumps([list(words), list(stdio)]).encode()
        with self._stream, contextlib.suppress(BrokenPipeError):  # if it died, its status tells
            socket.send_fds(self._stream, [said], list(stdio.values()))
        return os.waitpid(self._pid, 0)[1]

    def cancel(self) -> None:
        """Have it end; it has touched nothing."""
        self._stream.close()
        os.waitpid(self._pid, 0)


def _create(stream: int, monitor: int) -> None:
    """Be the fork, which dies with its monitor. Does not return."""
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != monitor:
            os._exit(1)
        _forget(stream)
        program = import_module(_PROGRAM)
        program.prepare()
        with socket.socket(fileno=stream) as asked:
            said, given, _, _ = socket.recv_fds(asked, _LARGEST, 3)
        if said:
            words, numbers = json.loads(said)
            for number, descriptor in zip(numbers, given, strict=True):
                os.dup2(descriptor, number)
            close_range(3)
            program.main(words)
        os._exit(0)
    except Exception as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(1)


def _forget(stream: int) -> None:
    """Have nothing of the monitor's: its descriptors, its umask, what it does about signals."""
    if stream > 3:
        close_range(3, stream - 1)
    close_range(stream + 1)
    signal.set_wakeup_fd(-1)
    os.umask(UMASK)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
