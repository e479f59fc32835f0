"""Progress of pulls, pushes and loads: a line for each layer that moves on a terminal, plain lines elsewhere."""

import os
import shutil
import sys
import threading
import time
from typing import Final, TextIO

from runtime.cli.units import size
from runtime.images.progress import Progress, Silent, Status

_BAR: Final = 50
_NARROW: Final = 110
_REDRAWN: Final = 0.1
_MOVING: Final = (Status.DOWNLOADING, Status.EXTRACTING, Status.PUSHING, Status.LOADING)


def progress(quiet: bool = False, to: TextIO | None = None) -> Progress:
    """Who to tell: a terminal, a file or pipe, or nothing; on standard output unless another is named."""
    if quiet:
        return Silent()
    out = to or sys.stdout
    return Moving(out) if out.isatty() and os.environ.get("TERM") != "dumb" else Plain(out)


class Plain:
    """A line whenever a layer comes to something else; no bars."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._told: dict[str, Status] = {}
        self._lock = threading.Lock()

    def say(self, text: str, /) -> None:
        """The line."""
        with self._lock:
            print(text, file=self._out, flush=True)

    def layer(self, short: str, status: Status, done: int = 0, total: int = 0, more: str = "") -> None:
        """A line, unless it was told before or is only about bytes."""
        with self._lock:
            before, self._told[short] = self._told.get(short), status
            if status != before and status not in _MOVING:
                print(f"{short}: {status} {more}".rstrip(), file=self._out, flush=True)


class Moving:
    """One line for each layer, written over again and again."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lines: dict[str, str] = {}
        self._told: dict[str, Status] = {}
        self._drawn = 0
        self._next = 0.0
        self._lock = threading.Lock()

    def say(self, text: str, /) -> None:
        """A line of its own; the layers so far stay above it."""
        with self._lock:
            self._draw()
            print(text, file=self._out, flush=True)
            self._lines, self._told, self._drawn = {}, {}, 0

    def layer(self, short: str, status: Status, done: int = 0, total: int = 0, more: str = "") -> None:
        """Shown at once when it is at something else, now and then when more bytes are done."""
        with self._lock:
            changed, self._told[short] = self._told.get(short) != status, status
            bar = bar_of(done, total, shutil.get_terminal_size().columns) if status in _MOVING and total else more
            self._lines[short] = f"{short}: {status} {bar}".rstrip()
            if changed or time.monotonic() >= self._next:
                self._draw()
                self._next = time.monotonic() + _REDRAWN

    def _draw(self) -> None:
        columns, rows = shutil.get_terminal_size()
        # What has scrolled away cannot be written over: of many layers the last ones are shown.
        lines = [line[: columns - 1] for line in self._lines.values()][-max(rows - 2, 1) :]
        up = f"\x1b[{self._drawn}A\r" if self._drawn else ""
        self._out.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)


def bar_of(done: int, total: int, columns: int = _NARROW) -> str:
    """How far it is: `[=====>     ]  1.2MB/3MB`, on a narrow terminal the bytes alone."""
    figures = f"{size(min(done, total))}/{size(total)}"
    if columns < _NARROW:
        return figures
    filled = min(done, total) * _BAR // total
    bar = "=" * _BAR if filled == _BAR else f"{'=' * filled}>".ljust(_BAR)
    return f"[{bar}]  {figures.rjust(17)}"
