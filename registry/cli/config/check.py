"""`entrepot config check FILE`: validates a file by itself, whatever the environment says."""

import click

from registry.config import load


@click.command(help="Check a configuration file alone, without flags and environment.")
@click.argument("file")
def command(file: str) -> None:
    """Load the file and say that it is right."""
    load(file, {}, {})
    click.echo(f"{file} is right")
