"""`entrepot container stop` is `entrepot stop`."""

from runtime.cli.stop import command

__all__ = ["command"]
