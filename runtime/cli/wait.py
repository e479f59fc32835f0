"""`entrepot wait`: until containers end."""

import click

from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine.stop import wait


@click.command(help="Wait until containers end and print their exit codes.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
def command(containers: tuple[str, ...]) -> int:
    """Wait for containers."""
    here = machine()
    return each(here, containers, lambda id: click.echo(wait(here, id)), told=False)
