"""`entrepot volume create`: a new volume."""

import click

from runtime.cli.machine import machine
from runtime.cli.pairs import pairs
from runtime.volumes.volume import Wishes


@click.command(help="Create a volume; one that is there already stays as it is.")
@click.argument("name", metavar="[VOLUME]", default="")
@click.option("-d", "--driver", default="local", metavar="DRIVER", help="local, the only one.")
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Set a label.")
@click.option("-o", "--opt", "options", metavar="KEY=VALUE", multiple=True, help="type=, o= and device=, for mount(8).")
def command(name: str, driver: str, labels: tuple[str, ...], options: tuple[str, ...]) -> None:
    """Create it, and print its name."""
    wishes = Wishes(driver=driver, labels=pairs(labels), options=pairs(options))
    click.echo(machine().volumes.create(name, wishes).name)
