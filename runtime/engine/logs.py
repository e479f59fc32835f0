"""Reading a container's log, the older files first, and following it while it is written."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from runtime.engine import looking
from runtime.engine.errors import EngineError, NoSuchContainer
from runtime.engine.machine import Machine
from runtime.engine.store import is_alive

PAUSE = 0.05


class Entry(NamedTuple):
    """One piece of output, a line or a part of a long one; `time` is RFC 3339."""

    stream: str
    text: str
    time: str


def read(machine: Machine, id: str, *, tail: int | None = None, follow: bool = False) -> Iterator[Entry]:
    """The entries of a container's log, the last `tail` of them if that is said, and those to come.

    Raises EngineError when no log is kept.
    """
    record = machine.store.record(id)
    if record.host_config.log_config.type == "none":
        raise EngineError("configured logging driver does not support reading")
    path = machine.paths.of(id).log
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(file) for file in _files(path)]
        entries = (entry for file in files for entry in _entries(file))
        yield from entries if tail is None else deque(entries, maxlen=tail)
        if follow:
            yield from _followed(path, files[-1] if files else None, lambda: _lives(machine, id))


def _files(path: str) -> list[BinaryIO]:
    """Those there are, opened, the oldest first."""
    found = [path]
    number = 1
    while os.path.exists(f"{path}.{number}"):
        found.insert(0, f"{path}.{number}")
        number += 1
    opened: list[BinaryIO] = []
    for name in found:
        with contextlib.suppress(FileNotFoundError):
            opened.append(open(name, "rb"))  # noqa: SIM115 - the caller closes them
    return opened


def _entries(file: BinaryIO) -> Iterator[Entry]:
    """Whole entries; the place stays before one that is being written."""
    while line := file.readline():
        if not line.endswith(b"\n"):
            file.seek(-len(line), os.SEEK_CUR)
            return
        try:
            said = json.loads(line)
            yield Entry(said["stream"], said["log"], said["time"])
        except (ValueError, KeyError, TypeError):
            continue


def _followed(path: str, file: BinaryIO | None, lives: Callable[[], bool]) -> Iterator[Entry]:
    while True:
        alive = lives()
        if file is None:
            with contextlib.suppress(FileNotFoundError):
                file = open(path, "rb")  # noqa: SIM115 - closed below
        if file is not None:
            yield from _entries(file)
            if _replaced(path, file):
                yield from _entries(file)
                file.close()
                file = None
                continue
        if not alive:
            return
        time.sleep(PAUSE)


def _replaced(path: str, file: BinaryIO) -> bool:
    try:
        return os.stat(path).st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _lives(machine: Machine, id: str) -> bool:
    try:
        return is_alive(looking.looked_at(machine, id)) or looking.is_watched(machine, id)
    except NoSuchContainer:
        return False
