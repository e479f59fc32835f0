"""`entrepot container diff` is `entrepot diff`."""

from runtime.cli.diff import command

__all__ = ["command"]
