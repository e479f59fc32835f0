"""`entrepot image pull` is `entrepot pull`."""

from runtime.cli.pull import command

__all__ = ["command"]
