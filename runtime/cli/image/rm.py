"""`entrepot image rm` is `entrepot rmi`."""

from runtime.cli.rmi import command

__all__ = ["command"]
