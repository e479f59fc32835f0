"""The `entrepot` command: one verb per file, each loaded only when it is called."""

from registry.cli.command import main

__all__ = ["main"]
