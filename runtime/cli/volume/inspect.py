"""`entrepot volume inspect`: all that is known of volumes."""

from typing import Any

import click

from runtime.cli.listing import write_documents
from runtime.cli.machine import machine
from runtime.cli.named import each_named
from runtime.volumes.volume import settings


@click.command(help="Show details of volumes.")
@click.argument("names", metavar="VOLUME...", nargs=-1, required=True)
@click.option("-f", "--format", "form", metavar="TEMPLATE", help="json, or a template for each one.")
def command(names: tuple[str, ...], form: str | None) -> int:
    """Inspect volumes; those that are here are shown even when others are not."""
    volumes = machine().volumes
    documents: list[dict[str, Any]] = []

    def show(name: str) -> None:
        documents.append(settings(volumes.inspect(name), str(volumes.path(name))))

    code = each_named(names, show, told=False)
    write_documents(documents, form)
    return code
