"""A monitor begun before its container is known: a fork of the command that will start one, while that is still small.

It comes up beside the command, which has the longer way to go, and saves the start of one more Python. It must be begun
before anything is loaded that a monitor has no use for: what is there then stays in its memory.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import socket
import sys
from importlib import import_module

from runtime import module_archive
from runtime.engine.connection import Connection
from runtime.engine.waiting import Waiting
from runtime.syscall.files import close_range
from runtime.syscall.title import entitle

_MONITOR = "runtime.engine.monitor.program"
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "ENTREPOT_LOG_LEVEL")
_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP)
_waiting: list[Waiting] = []


def environment() -> dict[str, str]:
    """What a monitor and its OCI runtime see of the environment."""
    return {name: value for name, value in os.environ.items() if name in _KEPT}


def begin() -> None:
    """Fork a monitor for the next container that this process starts; it ends with this process if there is none."""
    program = import_module(_MONITOR)
    ours, theirs = socket.socketpair()
    # What is typed at the terminal is for the command, from the first moment on.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL)
    if not os.fork():
        try:
            # Above the standard three, of which the caller may have closed one.
            stream = fcntl.fcntl(theirs.detach(), fcntl.F_DUPFD_CLOEXEC, 3)
            _leave(stream)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            program.keep(socket.socket(fileno=stream))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    _waiting.append(Waiting(Connection(ours)))


def take() -> Waiting | None:
    """The monitor that was begun and has no container yet."""
    return _waiting.pop() if _waiting else None


def _leave(stream: int) -> None:
    """Have nothing of the command's: its session, streams, descriptors, environment, name and signals."""
    os.setsid()
    for number in _TERMINAL:
        signal.signal(number, signal.SIG_IGN)  # which forgets what came meanwhile
        signal.signal(number, signal.SIG_DFL)
    module_archive.forget()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    if stream > 3:
        close_range(3, stream - 1)
    close_range(stream + 1)
    for name in os.environ.keys() - set(_KEPT):
        del os.environ[name]
    entitle("entrepot-mon")
    gc.freeze()
    gc.set_threshold(700, 10, 10)
