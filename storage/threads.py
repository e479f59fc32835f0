"""What every thread that storage starts does first: nothing, unless the program around it has set something."""

from collections.abc import Callable

_first: list[Callable[[], None]] = []


def begin_with(what: Callable[[], None]) -> None:
    """Have every thread that storage starts from now on call this first: a program may keep its own to one core."""
    _first[:] = [what]


def begin() -> None:
    """Called by each of them."""
    for what in _first:
        what()
