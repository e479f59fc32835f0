"""The one place where an error becomes a line and an exit code; nothing is imported that a verb has to wait for."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PACKAGES = ("storage", "registry", "runtime")
_EXTRA = ("urllib3", "isal", "backports", "backports.zstd")


class Refused(Exception):
    """What was asked for cannot be done from here."""

    exit_code = 1


def status(work: Callable[[], object]) -> int:
    """Do the work; its number, 0 if it has none, and for an error the error's own or 1. Interrupted is 130."""
    try:
        result = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("ENTREPOT_LOG_LEVEL") == "debug":
            raise
        return failed(told(error), getattr(error, "exit_code", 1))
    return result if isinstance(result, int) else 0


def failed(message: str, code: int) -> int:
    """Say what is wrong, in one line; the code."""
    print(f"entrepot: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code


def told(error: Exception) -> str:
    """An error in a line: those of the project's rooms have their own words, others are named."""
    if isinstance(error, ModuleNotFoundError) and error.name in _EXTRA:
        return f'this needs {error.name}, install it with: pip install "entrepot[runtime]"'
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror.lower()}"
    if type(error).__module__.partition(".")[0] in _PACKAGES or isinstance(error, RuntimeError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error} (ENTREPOT_LOG_LEVEL=debug shows the traceback)"
