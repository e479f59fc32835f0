"""A verb as a table: what it takes, and what does it. `declared` makes click's command of it when that is asked for."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from runtime.cli.options import Row

    Do = Callable[[dict[str, Any], list[str]], object]
    """What does it, given the values of all options by name, and the words behind them; a number is the exit code."""


class Verb:
    """A verb. `words` are its arguments as help shows them: NAME is one, [NAME] one or none, NAME... one or more,
    [NAME]... any number.

    `spread`: options may stand anywhere, and not only before the first argument.
    """

    def __init__(
        self, help: str, do: Do, *, words: Sequence[str], options: Sequence[Row] = (), spread: bool = True
    ) -> None:
        self.help = help
        self.do = do
        self.words = words
        self.options = options
        self.spread = spread

    def takes(self, count: int) -> bool:
        """Whether so many words are as many as it takes."""
        least = sum(not word.startswith("[") for word in self.words)
        return count >= least and (count <= len(self.words) or any(map(several, self.words)))


def several(word: str) -> bool:
    """Whether an argument may be more than one word."""
    return word.endswith("...")
