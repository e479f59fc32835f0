"""`entrepot system info` is `entrepot info`."""

from runtime.cli.info import command

__all__ = ["command"]
