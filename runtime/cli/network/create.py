"""`entrepot network create`: a new network."""

import click

from runtime.cli.machine import machine
from runtime.cli.pairs import pairs
from runtime.network.definition import Wishes


@click.command(help="Create a network.")
@click.argument("name", metavar="NETWORK")
@click.option("-d", "--driver", default="bridge", metavar="DRIVER", help="bridge, the only one.")
@click.option("--subnet", default="", metavar="CIDR", help="The subnet; a free one by default.")
@click.option("--gateway", default="", metavar="IP", help="The address of this host in it.")
@click.option("--ip-range", default="", metavar="CIDR", help="Give containers addresses of this part of the subnet.")
@click.option("--internal", is_flag=True, help="Isolate the network from all others.")
@click.option("--attachable", is_flag=True, help="Accepted for compatibility; containers may always join.")
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Set a label.")
@click.option("-o", "--opt", "options", metavar="KEY=VALUE", multiple=True, help="Set an option of the driver.")
def command(
    name: str,
    driver: str,
    subnet: str,
    gateway: str,
    ip_range: str,
    internal: bool,
    attachable: bool,
    labels: tuple[str, ...],
    options: tuple[str, ...],
) -> None:
    """Create it, and print its id."""
    wishes = Wishes(
        driver=driver,
        subnet=subnet,
        gateway=gateway,
        ip_range=ip_range,
        internal=internal,
        attachable=attachable,
        labels=pairs(labels),
        options=pairs(options),
    )
    click.echo(machine().networks.create(name, wishes).id)
