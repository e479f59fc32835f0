"""A command line that is as it should be, read by the same rules as `pflag` and click read it, without click.

Whoever reads here turns to click when nothing is found: for help, and to say what is wrong with a line.
"""

from __future__ import annotations

from runtime.cli.options import MANY, NUMBER, ON, ONE, SWITCH, Row, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


class Reading:
    """A line that is being read: `values` by name, `rest` the words from the first one on that is no option."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.values: dict[str, Any] = {}
        self.rest: list[str] = []
        self._options = {word: row for row in rows for word in row[0]}
        for row in rows:
            empty = {SWITCH: row[0][-1] in ON, MANY: (), ONE: None, NUMBER: None}
            self.values[name_of(row)] = empty[row[1]]

    def read(self, words: Sequence[str]) -> bool:
        """Whether all options are known and have what they need."""
        left = list(reversed(words))
        while left:
            word = left.pop()
            if word == "--" or not word.startswith("-") or word == "-":
                self.rest = [*([] if word == "--" else [word]), *reversed(left)]
                return True
            if not (self._long(word, left) if word.startswith("--") else self._short(word, left)):
                return False
        return True

    def _long(self, word: str, left: list[str]) -> bool:
        name, equals, value = word.partition("=")
        row = self._options.get(name)
        if row is None:
            return False
        if row[1] == SWITCH:
            return self._switch(row, value if equals else "true")
        if not equals and not left:
            return False
        return self._set(row, value if equals else left.pop())

    def _short(self, word: str, left: list[str]) -> bool:
        for at in range(1, len(word)):
            row, value = self._options.get(f"-{word[at]}"), word[at + 1 :]
            if row is None:
                return False
            if row[1] != SWITCH:
                return bool(value or left) and self._set(row, value.removeprefix("=") if value else left.pop())
            if value.startswith("="):
                return self._switch(row, value[1:])
            self._switch(row, "true")
        return True

    def _switch(self, row: Row, text: str) -> bool:
        self.values[name_of(row)] = text in _TRUE
        return text in _TRUE or text in _FALSE

    def _set(self, row: Row, text: str) -> bool:
        name = name_of(row)
        if row[1] == MANY:
            self.values[name] += (text,)
        elif row[1] == ONE:
            self.values[name] = text
        else:
            plain = text.removeprefix("-")
            if not plain.isascii() or not plain.isdigit():
                return False
            self.values[name] = int(text)
        return True


def read(words: Sequence[str], rows: Sequence[Row]) -> Reading | None:
    """The line, read; None if click has to look at it."""
    reading = Reading(rows)
    return reading if reading.read(words) else None
