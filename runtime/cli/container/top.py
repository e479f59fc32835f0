"""`entrepot container top` is `entrepot top`."""

from runtime.cli.top import command

__all__ = ["command"]
