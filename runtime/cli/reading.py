"""A command line that is as it should be, read by the same rules as `pflag` and click read it, without click.

The caller turns to click when nothing is found: for help, and to say what is wrong with a line.
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
    """A line that is being read: `values` by name, and `rest`, the words that are no options.

    Options end at the first such word, unless they are `spread`.
    """

    def __init__(self, rows: Sequence[Row], *, spread: bool = False) -> None:
        self.values: dict[str, Any] = {}
        self.rest: list[str] = []
        self._spread = spread
        self._options = {word: row for row in rows for word in row[0]}
        for row in rows:
            empty = {SWITCH: row[0][-1] in ON, MANY: (), ONE: None, NUMBER: None}
            self.values[name_of(row)] = empty[row[1]]

    def read(self, words: Sequence[str]) -> bool:
        """Whether all options are known and have what they need."""
        left = list(reversed(words))
        while left:
            word = left.pop()
            plain = not word.startswith("-") or word == "-"
            if plain:
                self.rest.append(word)
            if word == "--" or (plain and not self._spread):
                self.rest += reversed(left)
                return True
            if plain:
                continue
            if not (self._long(word, left) if word.startswith("--") else self._short(word, left)):
                return False
        return True

    def _long(self, word: str, left: list[str]) -> bool:
        name, equals, value = word.partition("=")
        row = self._options.get(name)
        if row is None:
            return False
        if row[1] == SWITCH:
            if self._spread and equals:
                return False
            return self._switch(row, value if equals else "true")
        return self._set(row, value) if equals else self._next(row, left)

    def _short(self, word: str, left: list[str]) -> bool:
        if self._spread and "=" in word:
            return False  # which click itself spells otherwise
        for at in range(1, len(word)):
            row, value = self._options.get(f"-{word[at]}"), word[at + 1 :]
            if row is None:
                return False
            if row[1] != SWITCH:
                return self._set(row, value.removeprefix("=")) if value else self._next(row, left)
            if value.startswith("="):
                return self._switch(row, value[1:])
            self._switch(row, "true")
        return True

    def _next(self, row: Row, left: list[str]) -> bool:
        """The next word is the value, whatever it looks like; click's own spelling may see an option in it."""
        if not left or (self._spread and left[-1].startswith("-") and "=" in left[-1]):
            return False
        return self._set(row, left.pop())

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


def read(words: Sequence[str], rows: Sequence[Row], *, spread: bool = False) -> Reading | None:
    """The line, read; None if click has to look at it."""
    reading = Reading(rows, spread=spread)
    return reading if reading.read(words) else None
