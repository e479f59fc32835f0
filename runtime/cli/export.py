"""`entrepot export`: the files of a container as a tar."""

import sys

import click

from runtime.cli.machine import machine
from runtime.engine.copy import export


@click.command(help="Write the files of a container to a tar file.")
@click.argument("container", metavar="CONTAINER")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
def command(container: str, output: str | None) -> None:
    """Export a container."""
    here = machine()
    id = here.store.find(container)
    if output is None:
        if sys.stdout.isatty():
            raise click.UsageError("a tar is not for a terminal, use -o or redirect it", click.get_current_context())
        export(here, id, sys.stdout.buffer)
        return
    with open(output, "wb") as file:
        export(here, id, file)
