"""Brings the tables up to date, and waits for a database that is not there yet, for a while."""

import sys
import time

import click

from registry.config import Config
from registry.config.types import hide_passwords
from registry.metadata.errors import DatabaseError, DatabaseUnavailable
from registry.metadata.files import lost_log
from registry.metadata.schema import upgrade

WAIT_SECONDS = 30.0
"""Seconds that a database may take to come up, as when both are started together."""

PAUSE = 0.5


def upgraded(config: Config) -> str:
    """Upgrade; the URL, without its password. Raises ClickException with what stands in the way."""
    shown = hide_passwords(config.database.url)
    if config.database.url.startswith("sqlite:") and (lost := lost_log(config.database.url.partition("///")[2])):
        click.echo(f"entrepot: {lost}", err=True)
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while True:
        try:
            upgrade(config.database.url)
            return shown
        except DatabaseUnavailable as error:
            if config.database.url.startswith("sqlite:") or time.monotonic() > deadline:
                raise click.ClickException(str(error)) from None
            if not told:
                click.echo(f"waiting for the database: {error}", err=True)
                sys.stderr.flush()
                told = True
        except (DatabaseError, ValueError) as error:
            raise click.ClickException(str(error)) from None
        time.sleep(PAUSE)
