"""`entrepot image history` is `entrepot history`."""

from runtime.cli.history import command

__all__ = ["command"]
