"""The root of the command line, and the one place where an error becomes a line on standard error and an exit code.

Exit codes: 0 done, 1 failed, 2 asked for in a wrong way (command line or configuration), 3 done but for what was to be
skipped, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from registry.cli.release import release
from registry.cli.verbs import Verbs
from registry.config import ConfigError

VERBS = {
    "serve": "Start the registry.",
    "migrate": "Upgrade the database to this version.",
    "storage": "Copy the blobs to another storage.",
    "db": "Copy the database to another, or make it writable again.",
    "config": "Show or check the configuration.",
    "version": "Print the version.",
}

root = Verbs("entrepot", "registry.cli", VERBS, "A private container registry.")


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"entrepot {release()}")
        ctx.exit()


root.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Print the version.",
    )
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = root.main(args=arguments, prog_name="entrepot", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        return _failed(_usage(error), 2)
    except click.ClickException as error:
        return _failed(error.format_message(), error.exit_code)
    except ConfigError as error:
        return _failed(str(error), 2)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("ENTREPOT_LOG_LEVEL") == "debug":
            raise
        return _failed(_told(error), 1)
    return result if isinstance(result, int) else 0


def _failed(message: str, code: int) -> int:
    click.echo(f"entrepot: {' '.join(message.split())}", err=True)
    return code


def _usage(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".").replace(". Did you mean ", ", did you mean ")
    path = error.ctx.command_path if error.ctx else "entrepot"
    end = "" if message.endswith("?") else ";"
    return f"{message[:1].lower()}{message[1:]}{end} {path} --help shows what is allowed"


def _told(error: Exception) -> str:
    # An error of our own says what to do; for all others the traceback may be needed.
    if isinstance(error, RuntimeError) and type(error).__module__.startswith("registry."):
        return str(error)
    name = f"unexpected {type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        name += error.strerror.lower()
    return f"{name} (ENTREPOT_LOG_LEVEL=debug shows the traceback)"
