"""Options that are given as key=value, and more than once: labels, options of drivers."""

from collections.abc import Iterable

from runtime.bundle.grammar.environment import read_label


def pairs(given: Iterable[str]) -> dict[str, str]:
    """The values by their keys; without `=` a value is empty. Raises ValueInvalid."""
    return dict(read_label(text) for text in given)
