"""`entrepot container rm` is `entrepot rm`."""

from runtime.cli.rm import command

__all__ = ["command"]
