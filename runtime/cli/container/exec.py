"""`entrepot container exec` is `entrepot exec`."""

from runtime.cli.exec import command

__all__ = ["command"]
