"""`entrepot diff`: what a container has changed in its file system."""

import os
import sys

import click

from runtime.cli.machine import machine
from runtime.engine.changes import changes


@click.command(help="Show what a container has added (A), changed (C) and deleted (D).")
@click.argument("container", metavar="CONTAINER")
def command(container: str) -> None:
    """Show changes."""
    here = machine()
    for change in changes(here, here.store.find(container)):
        sys.stdout.buffer.write(os.fsencode(f"{change.kind} {change.path}\n"))
