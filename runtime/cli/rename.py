"""`entrepot rename`: give a container another name."""

import click

from runtime.cli.machine import machine
from runtime.engine.rename import rename


@click.command(help="Rename a container.")
@click.argument("container", metavar="CONTAINER")
@click.argument("name", metavar="NAME")
def command(container: str, name: str) -> None:
    """Rename a container."""
    here = machine()
    rename(here, here.store.find(container), name)
