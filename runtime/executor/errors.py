"""What the executor fails with; every text ends on the terminal and in the log, and callers look for words in it."""

from __future__ import annotations

import os


class ExecutorError(Exception):
    """Base of all; the text is the message."""


class UsageError(ExecutorError):
    """The command line cannot be understood."""


class InvalidSpec(ExecutorError):
    """The bundle's config.json asks for something that is not possible, or not in this program."""


class NoSuchContainer(ExecutorError):
    """No container has this id. Callers look for these words."""

    def __init__(self) -> None:
        super().__init__("container does not exist")


class NotRunning(ExecutorError):
    """The container's first process is gone, or not yet in the state that is needed."""


class StartFailed(ExecutorError):
    """The container's first process, or one that was to join it, could not be brought up."""


def describe(error: BaseException) -> str:
    """An exception as the text of a message: lower case, the thing first, no traceback."""
    if isinstance(error, OSError) and error.errno is not None:
        reason = error.strerror or os.strerror(error.errno)
        reason = reason[:1].lower() + reason[1:]
        where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        return f"{where}: {reason}" if where else reason
    if isinstance(error, ExecutorError) or type(error).__name__ == "CgroupError":
        return str(error)
    return f"{type(error).__name__}: {error}"
