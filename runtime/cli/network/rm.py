"""`entrepot network rm`: networks go."""

import click

from runtime.cli.machine import machine
from runtime.cli.named import each_named
from runtime.network.errors import NetworkNotFound
from runtime.network.networks import Networks


@click.command(help="Remove networks.")
@click.argument("names", metavar="NETWORK...", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="Do not fail for a network that is not there.")
def command(names: tuple[str, ...], force: bool) -> int:
    """Remove them, and print their names."""
    networks = machine().networks
    return each_named([name for name in names if not force or _is_there(networks, name)], networks.remove)


def _is_there(networks: Networks, name: str) -> bool:
    try:
        networks.inspect(name)
    except NetworkNotFound:
        return False
    return True
