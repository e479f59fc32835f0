"""Groups of verbs that are known by name and imported when called, so that no verb pays for another."""

from collections.abc import Mapping
from importlib import import_module

import click


class Verbs(click.Group):
    """A group whose verbs stand in modules of their own, each with a `command`."""

    def __init__(self, name: str, package: str, verbs: Mapping[str, str], help: str) -> None:
        super().__init__(name=name, help=help, no_args_is_help=True)
        self.package = package
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of their table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb."""
        if cmd_name not in self.verbs:
            return None
        command: click.Command = import_module(f"{self.package}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(self.verbs.items()))
