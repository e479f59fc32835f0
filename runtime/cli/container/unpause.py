"""`entrepot container unpause` is `entrepot unpause`."""

from runtime.cli.unpause import command

__all__ = ["command"]
