"""`entrepot kill`: a signal to containers."""

import click

from runtime.bundle.grammar import signals
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine.stop import kill


@click.command(help="Send containers a signal, SIGKILL unless another is named.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("-s", "--signal", "name", metavar="SIGNAL", default="KILL", help="The signal.")
def command(containers: tuple[str, ...], name: str) -> int:
    """Send a signal."""
    here, number = machine(), signals.read(name)
    return each(here, containers, lambda id: kill(here, id, number))
