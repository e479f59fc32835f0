"""`entrepot network disconnect`: a container leaves a network."""

import click

from runtime.cli.machine import machine
from runtime.engine.membership import leave


@click.command(help="Disconnect a container from a network.")
@click.argument("network", metavar="NETWORK")
@click.argument("container", metavar="CONTAINER")
@click.option("-f", "--force", is_flag=True, help="Disconnect a container that does not exist any more, too.")
def command(network: str, container: str, force: bool) -> None:
    """Disconnect it."""
    leave(machine(), container, network, force=force)
