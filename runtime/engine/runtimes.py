"""Which OCI runtime runs a container: the one that was asked for, ours, or one of those that take the same words."""

from __future__ import annotations

import os
import sys
from typing import Final

from runtime.engine import folders
from runtime.engine.errors import NoRuntime

KNOWN: Final = ("entrepot-oci", "runc", "crun")
"""In the order in which they are looked for."""


def find(asked: str) -> str:
    """The program of a runtime's name or path; the first known one if none was asked for. Raises NoRuntime."""
    if "/" in asked:
        if os.access(asked, os.X_OK):
            return os.path.abspath(asked)
        raise NoRuntime(f"the OCI runtime {asked} is not a program")
    for name in (asked,) if asked else KNOWN:
        if program := _beside_us(name) or folders.program(name):
            return program
    raise NoRuntime(
        f"no OCI runtime {asked or 'was found'}, install one of {', '.join(KNOWN)} or name it with --runtime"
    )


def is_ours(program: str) -> bool:
    """Whether it is the one that was installed with this program, and does by its command line what the engine can do
    itself."""
    return bool(program) and program == _beside_us(KNOWN[0])


def _beside_us(name: str) -> str:
    """Where ours was installed with this program, whose folder need not be in PATH; empty for others."""
    path = os.path.join(os.path.dirname(sys.executable), name)
    return path if name == KNOWN[0] and os.access(path, os.X_OK) else ""
