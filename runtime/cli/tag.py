"""`entrepot tag`: one more name for an image."""

import click

from runtime.cli.local_images import local_images


@click.command(help="Tag an image with another name.")
@click.argument("source", metavar="SOURCE[:TAG]")
@click.argument("target", metavar="TARGET[:TAG]")
def command(source: str, target: str) -> None:
    """Tag an image."""
    local_images().tag(source, target)
