"""The program in a fork of a process that runs Python already and keeps containers: what a new Python costs is saved.

Nothing else differs. The caller gives the fork no descriptors but 0 to 2, puts signals back to their defaults, and has
one thread; from there on it is a process of this program, which loads all it needs before it enters a container.
"""

from __future__ import annotations

import gc

from runtime.cgroups.hierarchies import unified
from runtime.executor import program
from runtime.executor.loading import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def prepare() -> None:
    """Load what `create` needs, before it is known what is to be created."""
    gc.disable()
    module("verbs.create")
    __import__(f"runtime.cgroups.v{2 if unified() else 1}")


def main(words: list[str]) -> NoReturn:
    """Run the command line and leave the process."""
    program.main(words)
