"""`entrepot serve`: brings folders and database into being and up to date, and runs the registry until told to stop."""

import click

from registry.cli.certificate import checked_certificate
from registry.cli.flags import configuration, configured
from registry.cli.folders import check_access_log, make_folders
from registry.cli.listening import greeting, listening
from registry.cli.tables import upgraded
from registry.held import hold
from registry.server import serve
from registry.storage_marker import check_marker
from registry.telemetry.logs import announce, configure


@click.command(help="Start the registry; SIGTERM lets running transfers finish and stops it.")
@configured
def command(given: tuple[str | None, dict[str, str]]) -> int:
    """Serve until stopped, and return the exit code."""
    config = configuration(given).config
    checked_certificate(config)
    make_folders(config)
    check_access_log(config)
    config, listener = listening(config)
    held = hold(config)
    upgraded(config)
    check_marker(config, held)
    configure(config.log.level, config.log.format)
    announce(greeting(config))
    return serve(config, listener, held)
