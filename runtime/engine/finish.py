"""The end of a run: what was set up for it is taken away, and a container that was to go with it goes.

It is done by the command that started the container when that still waits for it, else by a program that the monitor
becomes as its last act (`main`), else by the process that finds the remains. It may be done twice.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from runtime.engine import abandoned, clearing, folders, locks, removal
from runtime.engine.errors import NoSuchContainer
from runtime.engine.leaving import leaving
from runtime.engine.machine import Machine
from runtime.engine.store import is_alive


def finish(machine: Machine, id: str, until_gone: Callable[[], None] = lambda: None) -> None:
    """Finish the run of a container that has ended; nothing happens if it was started again meanwhile.

    `until_gone` waits until the OCI runtime holds nothing of it any more, which the kernel's part need not wait for.
    """
    of = machine.paths.of(id)
    with locks.held(of.lock):
        try:
            _finish(machine, id, until_gone)
        except NoSuchContainer:  # it was removed meanwhile, and the lock is one that we made anew
            with contextlib.suppress(FileNotFoundError):
                os.unlink(of.lock)


def _finish(machine: Machine, id: str, until_gone: Callable[[], None]) -> None:
    if is_alive(machine.store.state(id)):
        return
    with leaving(machine, id) as left:
        until_gone()
        abandoned.end(machine, id)
        clearing.release(machine, id)
        record = machine.store.record(id)
        if record.host_config.auto_remove:
            removal.take_away(machine, record, with_volumes=True, left=left)
    folders.remove(machine.paths.of(id).run)


def main() -> None:
    """The program: ROOT RUN ID."""
    root, run, id = sys.argv[1:4]
    finish(Machine(Path(root), Path(run)), id)
