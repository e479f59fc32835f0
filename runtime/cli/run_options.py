"""The decorator that gives the options of `run` and `create` to a verb."""

from collections.abc import Callable

import click

from runtime.cli.declared import declared
from runtime.cli.run_request import Asked, build
from runtime.cli.run_table import OF_RUN, OPTIONS


def run_options(name: str, help: str, *, starts: bool) -> Callable[[Callable[[Asked], object]], click.Command]:
    """Make a verb of a function that gets what was asked for; `starts` adds what only `run` has."""

    def decorate(verb: Callable[[Asked], object]) -> click.Command:
        rows = (*OPTIONS, *(OF_RUN if starts else ()))
        arguments = [
            click.Argument(["image"]),
            click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND] [ARG]..."),
        ]
        shown = sorted(rows, key=lambda row: row[0][-1].strip("-"))
        return declared(name, help, shown, arguments, lambda values: verb(build(values)))

    return decorate
