"""Click's command of a table of options."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from runtime.cli.options import MANY, NUMBER, ON, SWITCH, Row
from runtime.cli.pflag import PflagCommand


def declared(
    name: str,
    help: str,
    rows: Iterable[Row],
    arguments: Sequence[click.Argument],
    verb: Callable[[dict[str, Any]], object],
) -> click.Command:
    """A verb that calls a function with the values of its options and arguments by name."""

    def call(**values: Any) -> object:  # noqa: ANN401 - as the table has them
        return verb(values)

    return PflagCommand(name, callback=call, params=[*map(option, rows), *arguments], help=help)


def option(row: Row) -> click.Option:
    """The option of a row."""
    names, kind, metavar, help = row
    if kind == SWITCH:
        return click.Option(names, is_flag=True, default=names[-1] in ON, help=help)
    if kind == MANY:
        return click.Option(names, multiple=True, metavar=metavar, help=help)
    return click.Option(names, metavar=metavar, help=help, type=click.INT if kind == NUMBER else click.STRING)
