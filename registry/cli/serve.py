"""`entrepot serve`: brings folders and database into being and up to date, and runs the registry until told to stop."""

import click

from registry.cli.flags import configuration, configured
from registry.cli.folders import make_folders
from registry.cli.listening import greeting, with_free_port
from registry.metadata.schema import upgrade
from registry.transport.run import serve


@click.command(help="Start the registry; SIGTERM lets running transfers finish and stops it.")
@configured
def command(given: tuple[str | None, dict[str, str]]) -> int:
    """Serve until stopped, and return the exit code."""
    config = with_free_port(configuration(given).config)
    make_folders(config)
    upgrade(config.database.url)
    click.echo(greeting(config))
    return serve(config)
