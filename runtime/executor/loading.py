"""Loading a module of this room when it is needed, and not before: most starts need neither seccomp nor a terminal.

Only before a container is entered: afterwards nothing is loaded any more.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def module(name: str) -> ModuleType:
    """The module `runtime.executor.<name>`."""
    return __import__(f"runtime.executor.{name}", fromlist=["_"])
