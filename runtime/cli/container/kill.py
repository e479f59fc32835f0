"""`entrepot container kill` is `entrepot kill`."""

from runtime.cli.kill import command

__all__ = ["command"]
