"""`entrepot volume rm`: volumes go, and what is in them."""

import contextlib

import click

from runtime.cli.machine import machine
from runtime.cli.named import each_named
from runtime.engine.volumes import users
from runtime.volumes.errors import VolumeNotFound


@click.command(help="Remove volumes that no container uses.")
@click.argument("names", metavar="VOLUME...", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="Do not fail for a volume that is not there.")
def command(names: tuple[str, ...], force: bool) -> int:
    """Remove them, and print their names."""
    here = machine()

    def remove(name: str) -> None:
        with contextlib.suppress(*([VolumeNotFound] if force else [])):
            here.volumes.remove(name, lambda name: users(here, name))

    return each_named(names, remove)
