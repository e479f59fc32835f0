"""`entrepot network prune`: networks that no container is connected to."""

import click

from runtime.cli.asking import confirm
from runtime.cli.machine import machine
from runtime.cli.pruning import fitting


@click.command(help="Remove networks that no container is connected to.")
@click.option("--filter", "given", metavar="KEY=VALUE", multiple=True, help="until=TIME, label=KEY[=VALUE].")
@click.option("-f", "--force", is_flag=True, help="Do not ask for confirmation.")
def command(given: tuple[str, ...], force: bool) -> None:
    """Prune networks."""
    fits = fitting(given)
    confirm("This will remove all custom networks not used by at least one container.", force)
    removed = machine().networks.prune(lambda network: fits(network.created, network.labels))
    if removed:
        click.echo("Deleted Networks:")
        for network in removed:
            click.echo(network.name)
        click.echo("")
