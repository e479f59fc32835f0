"""The options of a verb as a table, so that it can be read without click, and shown and completed with it.

A table is read in two ways: `reading` takes a line that is as it should be, with nothing loaded that is slow to load;
`declared` makes click's command of it, for help, completion and all that is wrong with a line.
"""

SWITCH = "on or off"
MANY = "many"
ONE = "one"
NUMBER = "number"

Row = tuple[tuple[str, ...], str, str, str]
"""What an option is called, how often it may be given, what its value is called, and what it is for."""

ON = frozenset({"--sig-proxy"})
"""Switches that are on unless they are switched off."""


def name_of(row: Row) -> str:
    """What the value of an option is called in a program: its first long name."""
    return next(word for word in row[0] if word.startswith("--"))[2:].replace("-", "_")
