"""`entrepot container pause` is `entrepot pause`."""

from runtime.cli.pause import command

__all__ = ["command"]
