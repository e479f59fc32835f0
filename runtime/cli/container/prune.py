"""`entrepot container prune`: remove containers that do not run."""

import click

from runtime.cli import units
from runtime.cli.asking import confirm
from runtime.cli.machine import machine
from runtime.cli.pruning import fitting
from runtime.engine.prune import prune


@click.command(help="Remove all stopped containers.")
@click.option("-f", "--force", is_flag=True, help="Do not ask for confirmation.")
@click.option("--filter", "given", metavar="KEY=VALUE", multiple=True, help="Only those that fit: until=, label=.")
def command(force: bool, given: tuple[str, ...]) -> None:
    """Prune containers."""
    fits = fitting(given)
    confirm("This will remove all stopped containers.", force)
    gone, freed = prune(machine(), lambda record: fits(record.created, record.config.labels))
    if gone:
        click.echo("Deleted Containers:")
        for id in gone:
            click.echo(id)
        click.echo("")
    click.echo(f"Total reclaimed space: {units.size(freed)}")
