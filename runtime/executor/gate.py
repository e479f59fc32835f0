"""The gate before a container's program: a fifo that the stub reads one byte from, there from `create` to `start`."""

from __future__ import annotations

import errno
import os

from runtime.executor.errors import ExecutorError, NotRunning


def let_go(fifo: str) -> None:
    """Let the program go. Raise NotRunning if it has gone already, or is dead."""
    try:
        opened = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.unlink(fifo)  # of two that start it at once, one finds it gone
    except FileNotFoundError:
        raise NotRunning("cannot start a container that has already started") from None
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise NotRunning("container process is already dead") from None
        raise ExecutorError(f"{fifo}: {os.strerror(error.errno or 0).lower()}") from None
    try:
        os.write(opened, b"0")
    finally:
        os.close(opened)
