"""`entrepot diff`: what a container has changed in its file system."""

import os
import sys

import click

from runtime.cli.machine import machine


@click.command(help="Show what a container has added (A), changed (C) and deleted (D).")
@click.argument("container", metavar="CONTAINER")
def command(container: str) -> None:
    """Show changes."""
    here = machine()
    for change in here.snapshots.changes(here.store.find(container)):
        sys.stdout.buffer.write(os.fsencode(f"{change.kind} {change.path}\n"))
