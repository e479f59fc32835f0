"""`entrepot container wait` is `entrepot wait`."""

from runtime.cli.wait import command

__all__ = ["command"]
