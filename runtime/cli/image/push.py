"""`entrepot image push` is `entrepot push`."""

from runtime.cli.push import command

__all__ = ["command"]
