"""`entrepot restart`: stop containers and start them again."""

import click

from runtime.bundle.grammar import signals
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine import events, planning
from runtime.engine.start import start
from runtime.engine.stop import stop


@click.command(help="Stop containers and start them again.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("-t", "--time", "--timeout", "seconds", type=int, help="Seconds before SIGKILL; -1 is never.")
@click.option("-s", "--signal", "name", metavar="SIGNAL", help="The signal instead of the container's.")
def command(containers: tuple[str, ...], seconds: int | None, name: str | None) -> int:
    """Restart containers."""
    here, number = machine(), signals.read(name) if name else None

    def again(id: str) -> None:
        stop(here, id, signal=number, timeout=seconds)
        if connection := start(here, id):
            connection.close()
        events.append(here.paths.events, "restart", id, planning.attributes(here.store.record(id)))

    return each(here, containers, again)
