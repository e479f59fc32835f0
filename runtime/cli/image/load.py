"""`entrepot image load` is `entrepot load`."""

from runtime.cli.load import command

__all__ = ["command"]
