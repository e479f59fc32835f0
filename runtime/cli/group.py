"""Groups of verbs that are known by name and imported when called, so that no verb pays for another."""

import keyword
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module

import click

from runtime.cli.declared import declared
from runtime.cli.pflag import PflagCommand, spelled
from runtime.cli.verbs import ALIASES


class Verbs(click.Group):
    """A group whose verbs stand in modules of their own, each with a `command`."""

    def __init__(self, name: str, package: str, verbs: Mapping[str, str], help: str) -> None:
        super().__init__(name=name, help=help, no_args_is_help=True, subcommand_metavar="VERB [ARGS]...")
        self.package = package
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of their table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb."""
        name = cmd_name if cmd_name in self.verbs else ALIASES.get(cmd_name, "")
        if name not in self.verbs:
            return None
        command = declared(import_module(f"{self.package}.{module_of(name)}").command)
        if ctx.resilient_parsing:
            import_module("runtime.cli.completion").complete(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, but a name that is nearly right is told, and flags may be spelled as docker's."""
        name = args[0] if args else ""
        if name[:1] != "-" and self.get_command(ctx, name) is None:
            ctx.fail(unknown(name, self.list_commands(ctx)))
        found, command, rest = super().resolve_command(ctx, args)
        if command is not None and not isinstance(command, click.Group | PflagCommand) and not ctx.resilient_parsing:
            rest = list(spelled(command, rest))
        return found, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(self.verbs.items()))


def module_of(name: str) -> str:
    """The module of a verb: dashes are underscores there, and a word of the language has one behind it."""
    return name.replace("-", "_") + ("_" if keyword.iskeyword(name) else "")


def unknown(name: str, known: list[str]) -> str:
    """What is said of a verb that is not there."""
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"no such command {name[:80]!r}" + (f", did you mean {near[0]!r}?" if near else "")
