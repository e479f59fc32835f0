"""`entrepot container rename` is `entrepot rename`."""

from runtime.cli.rename import command

__all__ = ["command"]
