"""`entrepot network connect`: a container joins a network."""

import click

from runtime.bundle.container import Endpoint
from runtime.bundle.grammar.network import read_ip
from runtime.cli.machine import machine
from runtime.engine.membership import join


@click.command(help="Connect a container to a network, at once if it runs and whenever it starts.")
@click.argument("network", metavar="NETWORK")
@click.argument("container", metavar="CONTAINER")
@click.option("--alias", "aliases", metavar="NAME", multiple=True, help="Add an alias on this network.")
@click.option("--ip", default="", metavar="IP", help="The IPv4 address; a free one by default.")
def command(network: str, container: str, aliases: tuple[str, ...], ip: str) -> None:
    """Connect it."""
    join(machine(), container, network, Endpoint(aliases=aliases, ipv4_address=read_ip(ip) if ip else ""))
