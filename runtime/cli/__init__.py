"""The `entrepot` command: the verbs of containers, one per file, and the way to the server's."""

from runtime.cli import collector
from runtime.cli.command import main

__all__ = ["collector", "main"]
