"""`entrepot pause`."""

import click

from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine.stop import pause


@click.command(help="Freeze all processes of containers.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
def command(containers: tuple[str, ...]) -> int:
    """See the help."""
    here = machine()
    return each(here, containers, lambda id: pause(here, id, paused=True))
