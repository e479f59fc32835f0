"""`entrepot container logs` is `entrepot logs`."""

from runtime.cli.logs import command

__all__ = ["command"]
