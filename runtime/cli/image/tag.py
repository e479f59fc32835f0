"""`entrepot image tag` is `entrepot tag`."""

from runtime.cli.tag import command

__all__ = ["command"]
