"""`entrepot container attach` is `entrepot attach`."""

from runtime.cli.attach import command

__all__ = ["command"]
