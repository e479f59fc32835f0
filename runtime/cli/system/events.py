"""`entrepot system events` is `entrepot events`."""

from runtime.cli.events import command

__all__ = ["command"]
