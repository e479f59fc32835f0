"""`entrepot container commit` is `entrepot commit`."""

from runtime.cli.commit import command

__all__ = ["command"]
