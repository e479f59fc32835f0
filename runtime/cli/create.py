"""`entrepot create`: a new container of an image, not started."""

import click

from runtime.cli.machine import machine
from runtime.cli.making import made
from runtime.cli.run_options import run_options
from runtime.cli.run_request import Asked


@run_options("create", "Create a container without starting it.", starts=False)
def command(asked: Asked) -> None:
    """Create a container."""
    click.echo(made(machine(), asked).id)
