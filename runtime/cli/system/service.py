"""`entrepot system service`: after a boot, start the containers that should run."""

import click

from runtime.cli.machine import machine
from runtime.engine.record import Record
from runtime.engine.service import boot


@click.command(help="Start the containers that should run after a boot; see deploy/entrepot-containers.service.")
def command() -> int:
    """Start them."""
    failed = 0

    def told(record: Record, error: Exception) -> None:
        nonlocal failed
        failed = 1
        click.echo(f"entrepot: {record.name}: {error}", err=True)

    for record in boot(machine(), told):
        click.echo(record.name)
    return failed
