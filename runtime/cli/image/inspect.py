"""`entrepot image inspect`: all that is known of images."""

from typing import Any

import click

from runtime.cli.listing import write_documents
from runtime.cli.local_images import local_images
from runtime.images.describe import inspect
from runtime.images.errors import Ambiguous, NoSuchImage


@click.command(help="Show details of images.")
@click.argument("names", metavar="IMAGE...", nargs=-1, required=True)
@click.option("-f", "--format", "form", metavar="TEMPLATE", help="json, or a template for each one.")
def command(names: tuple[str, ...], form: str | None) -> int:
    """Inspect images; those that are here are shown even when others are not."""
    images = local_images()
    documents: list[dict[str, Any]] = []
    failed: list[str] = []
    for name in names:
        try:
            documents.append(inspect(images, images.get(name)))
        except (NoSuchImage, Ambiguous) as error:
            failed.append(str(error))
    write_documents(documents, form)
    for message in failed:
        click.echo(f"entrepot: {message}", err=True)
    return 1 if failed else 0
