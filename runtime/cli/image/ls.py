"""`entrepot image ls` is `entrepot images`."""

from runtime.cli.images import command

__all__ = ["command"]
