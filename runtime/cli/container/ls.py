"""`entrepot container ls` is `entrepot ps`."""

from runtime.cli.ps import command

__all__ = ["command"]
