"""`entrepot top`: the processes of a container."""

import click

from runtime.cli.listing import aligned
from runtime.cli.machine import machine
from runtime.engine.top import top


@click.command(help="Show the processes of a container.", context_settings={"ignore_unknown_options": True})
@click.argument("container", metavar="CONTAINER")
@click.argument("options", metavar="[PS OPTIONS]", nargs=-1, type=click.UNPROCESSED)
def command(container: str, options: tuple[str, ...]) -> None:
    """Show processes."""
    here = machine()
    for line in aligned(top(here, here.store.find(container), options or ("-ef",))):
        click.echo(line)
