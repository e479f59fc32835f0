"""`entrepot image import` is `entrepot import`."""

from runtime.cli.import_ import command

__all__ = ["command"]
