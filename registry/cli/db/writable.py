"""`entrepot db writable`: a registry that was copied, and is to go on all the same, takes changes again."""

import click

from registry.cli.flags import configuration, configured
from registry.config.types import hide_passwords
from registry.metadata import read_only
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseError


@click.command(help="Make a registry that was copied writable again; what is pushed to it does not reach the copy.")
@configured
def command(given: tuple[str | None, dict[str, str]]) -> None:
    """Remove what keeps it from being written to."""
    url = configuration(given).config.database.url
    database = Database.open(url)
    try:
        was = database.write_now(read_only.close, always=True)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from None
    finally:
        database.close()
    click.echo(f"{hide_passwords(url)} takes changes {'again' if was else 'already'}")
