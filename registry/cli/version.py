"""`entrepot version`: prints the version."""

import click

from registry.cli.release import release


@click.command(help="Print the version.")
def command() -> None:
    """Print the version."""
    click.echo(f"entrepot {release()}")
