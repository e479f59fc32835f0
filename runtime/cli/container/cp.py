"""`entrepot container cp` is `entrepot cp`."""

from runtime.cli.cp import command

__all__ = ["command"]
