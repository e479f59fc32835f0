"""`entrepot exec` as click knows it: help, completion, and what is wrong with a line."""

import click

from runtime.cli import executing
from runtime.cli.declared import declared
from runtime.cli.home import home

command = declared(
    "exec",
    "Run one more process in a container that runs.",
    executing.OPTIONS,
    [
        click.Argument(["container"], metavar="CONTAINER"),
        click.Argument(["words"], metavar="COMMAND [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED),
    ],
    lambda values: executing.run(values, [values["container"], *values["words"]], *map(str, home())),
)
