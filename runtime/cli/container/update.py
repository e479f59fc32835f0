"""`entrepot container update` is `entrepot update`."""

from runtime.cli.update import command

__all__ = ["command"]
