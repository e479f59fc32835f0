"""`entrepot config show`: prints what the server would run with, as TOML, with the origin of each value."""

import click

from registry.cli.flags import configuration, configured
from registry.config import show


@click.command(help="Print the effective configuration as TOML, with the origin of each value; passwords are hidden.")
@configured
def command(given: tuple[str | None, dict[str, str]]) -> None:
    """Print the configuration."""
    click.echo(show(configuration(given)))
