"""`entrepot volume prune`: volumes that no container has."""

import click

from runtime.cli import units
from runtime.cli.asking import confirm
from runtime.cli.machine import machine
from runtime.cli.pruning import fitting
from runtime.engine.volumes import users

_ANONYMOUS = "This will remove anonymous local volumes not used by at least one container."
_ALL = "This will remove all local volumes not used by at least one container."


@click.command(help="Remove unused volumes: the anonymous ones, or all.")
@click.option("-a", "--all", "named", is_flag=True, help="Remove named volumes as well.")
@click.option("--filter", "given", metavar="KEY=VALUE", multiple=True, help="label=KEY[=VALUE].")
@click.option("-f", "--force", is_flag=True, help="Do not ask for confirmation.")
def command(named: bool, given: tuple[str, ...], force: bool) -> None:
    """Prune volumes."""
    fits = fitting(given, ("label", "label!"))
    confirm(_ALL if named else _ANONYMOUS, force)
    here = machine()
    removed = here.volumes.prune(
        lambda name: users(here, name),
        lambda volume: (named or volume.anonymous) and fits(volume.created, volume.labels),
    )
    if removed:
        click.echo("Deleted Volumes:")
        for one in removed:
            click.echo(one.name)
        click.echo("")
    click.echo(f"Total reclaimed space: {units.size(sum(one.size for one in removed))}")
