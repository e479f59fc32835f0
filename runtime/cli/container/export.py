"""`entrepot container export` is `entrepot export`."""

from runtime.cli.export import command

__all__ = ["command"]
