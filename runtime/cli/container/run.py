"""`entrepot container run` is `entrepot run`."""

from runtime.cli.run import command

__all__ = ["command"]
