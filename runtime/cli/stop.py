"""`entrepot stop`: have containers end."""

import click

from runtime.bundle.grammar import signals
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine.stop import stop


@click.command(help="Stop containers: their stop signal, and after a time SIGKILL.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("-t", "--time", "--timeout", "seconds", type=int, help="Seconds before SIGKILL; -1 is never.")
@click.option("-s", "--signal", "name", metavar="SIGNAL", help="The signal instead of the container's.")
def command(containers: tuple[str, ...], seconds: int | None, name: str | None) -> int:
    """Stop containers."""
    here, number = machine(), signals.read(name) if name else None
    return each(here, containers, lambda id: stop(here, id, signal=number, timeout=seconds))
