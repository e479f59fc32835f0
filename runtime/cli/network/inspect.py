"""`entrepot network inspect`: all that is known of networks."""

from typing import Any

import click

from runtime.cli.listing import write_documents
from runtime.cli.machine import machine
from runtime.cli.named import each_named
from runtime.network.settings import network_settings


@click.command(help="Show details of networks.")
@click.argument("names", metavar="NETWORK...", nargs=-1, required=True)
@click.option("-f", "--format", "form", metavar="TEMPLATE", help="json, or a template for each one.")
def command(names: tuple[str, ...], form: str | None) -> int:
    """Inspect networks; those that are here are shown even when others are not."""
    networks = machine().networks
    documents: list[dict[str, Any]] = []

    def show(name: str) -> None:
        network = networks.inspect(name)
        documents.append(network_settings(network, networks.endpoints(network)))

    code = each_named(names, show, told=False)
    write_documents(documents, form)
    return code
