"""`entrepot container start` is `entrepot start`."""

from runtime.cli.start import command

__all__ = ["command"]
