"""`entrepot image save` is `entrepot save`."""

from runtime.cli.save import command

__all__ = ["command"]
