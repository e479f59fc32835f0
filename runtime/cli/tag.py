"""`entrepot tag`: one more name for an image."""

import click

from runtime.cli.library import library


@click.command(help="Give an image one more name.")
@click.argument("source", metavar="SOURCE[:TAG]")
@click.argument("target", metavar="TARGET[:TAG]")
def command(source: str, target: str) -> None:
    """Tag an image."""
    library().tag(source, target)
