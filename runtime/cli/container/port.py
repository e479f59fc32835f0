"""`entrepot container port` is `entrepot port`."""

from runtime.cli.port import command

__all__ = ["command"]
