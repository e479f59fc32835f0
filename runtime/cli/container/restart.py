"""`entrepot container restart` is `entrepot restart`."""

from runtime.cli.restart import command

__all__ = ["command"]
