"""The root of the command line: one command for both halves; what must begin at once is in `fast_start`.

The first word decides. A verb of the table is loaded and run here; any other goes, with everything behind it, to the
server's command line, which is loaded by name and answers for itself.

Exit codes: 0 done, 1 failed, 130 interrupted. A container verb asked for in a wrong way is 125, as docker's; without a
verb that is known it is 2, as the server's. An error with an `exit_code` has its own.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from runtime.cli import failure
from runtime.cli.declared import option
from runtime.cli.fast_start import ROOTS
from runtime.cli.group import Verbs
from runtime.cli.place import say
from runtime.cli.verbs import VERBS

_SERVER: Final = "registry.cli"
_WRONG: Final = 125
_COUNT: Final = 1
"""As docker: of a flag that there is none of, and of too few words or too many."""
_MANY: Final = "Got unexpected extra argument"


class FrontDoor(Verbs):
    """The runtime's verbs, with the server's beside them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs."""
        return [*self.verbs, *(name for name in server_verbs() if name not in self.verbs)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb; one of the server's is found too, so that it can be completed."""
        if cmd_name in self.verbs:
            import_module("runtime.cli.light_msgspec")
            return super().get_command(ctx, cmd_name)
        if cmd_name not in server_verbs():
            return None
        command: click.Command = import_module(f"{_SERVER}.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """One of the server's verbs comes here only behind options, and those are not its own."""
        if args and args[0] not in self.verbs and args[0] in server_verbs() and not ctx.resilient_parsing:
            ctx.fail(f"options before {args[0]} are of no use to it, write them behind")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List both groups without importing any verb."""
        with formatter.section("Registry"):
            formatter.write_dl([(name, said) for name, said in server_verbs().items() if name not in self.verbs])
        with formatter.section("Images and containers"):
            formatter.write_dl(list(self.verbs.items()))


def server_verbs() -> dict[str, str]:
    """The server's table of verbs."""
    table: dict[str, str] = import_module(f"{_SERVER}.command").VERBS
    return table


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"entrepot {import_module(f'{_SERVER}.release').release()}")
        ctx.exit()


root = FrontDoor("entrepot", "runtime.cli", VERBS, "A private container registry, and containers without a daemon.")
root.callback = say
root.params += [
    *map(option, ROOTS),
    click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Print the version.",
    ),
]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    sys.exit(status(list(sys.argv[1:] if arguments is None else arguments)))


def status(given: Sequence[str]) -> int:
    """Run the command line; its exit code. The server's verbs do not return."""
    if given and given[0] not in VERBS and not given[0].startswith("-") and given[0] in server_verbs():
        import_module(_SERVER).main(given)
    return failure.status(lambda: _answer(given))


def _answer(given: Sequence[str]) -> Any:  # noqa: ANN401 - what a verb returns; a number is its exit code
    try:
        return root.main(args=list(given), prog_name="entrepot", standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return _code(error)
    except click.UsageError as error:
        return failure.failed(_usage(error), _code(error))
    except click.ClickException as error:
        return failure.failed(error.format_message(), error.exit_code)


def _code(error: click.UsageError) -> int:
    if error.ctx is None or error.ctx.parent is None:
        return 2
    missing = isinstance(error, click.MissingParameter) and isinstance(error.param, click.Argument)
    return _COUNT if missing or error.message.startswith(_MANY) else _WRONG


def _usage(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    path = error.ctx.command_path if error.ctx else "entrepot"
    return f"{message[:1].lower()}{message[1:]}; {path} --help shows what is allowed"
