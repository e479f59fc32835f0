"""`entrepot container create` is `entrepot create`."""

from runtime.cli.create import command

__all__ = ["command"]
