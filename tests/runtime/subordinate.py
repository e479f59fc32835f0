"""Lines of a test of its own in /etc/subuid and /etc/subgid, which go again, exactly they, whatever else is there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FILES = (Path("/etc/subuid"), Path("/etc/subgid"))


@contextmanager
def subordinate(uids: str, gids: str) -> Iterator[None]:
    """Have these lines there, each ending in a newline; they begin with a name that nobody else has."""
    wanted = list(zip(FILES, (uids, gids), strict=True))
    for path, lines in wanted:
        _change(path, lambda text, lines=lines: text + lines)  # type: ignore[misc]
    try:
        yield
    finally:
        for path, lines in wanted:
            _change(path, lambda text, lines=lines: text.replace(lines, "", 1))  # type: ignore[misc]


def _change(path: Path, change: Callable[[str], str]) -> None:
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = change(file.read())
        os.ftruncate(file.fileno(), 0)
        file.write(text)
