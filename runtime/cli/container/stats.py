"""`entrepot container stats` is `entrepot stats`."""

from runtime.cli.stats import command

__all__ = ["command"]
