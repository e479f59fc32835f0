"""`entrepot migrate`: upgrades the database to this version; `serve` does the same when it starts."""

import click

from registry.cli.flags import configuration, configured
from registry.cli.folders import make_folders
from registry.cli.tables import upgraded
from registry.metadata.schema import HEAD


@click.command(help="Upgrade the database to this version, as serve does when it starts.")
@configured
def command(given: tuple[str | None, dict[str, str]]) -> None:
    """Upgrade, and say to what."""
    config = configuration(given).config
    make_folders(config)
    shown = upgraded(config)
    click.echo(f"{shown} is at revision {HEAD}")
