"""`entrepot exec`: one more process in a container that runs."""

import os
import signal

import click

from runtime.bundle.grammar import detach_keys, environment
from runtime.cli import terminal
from runtime.cli.machine import machine
from runtime.cli.pflag import PflagCommand
from runtime.engine import exec as execs
from runtime.engine.exec import Running, Wanted
from runtime.engine.machine import Machine
from runtime.engine.pump import Pump
from runtime.engine.resize import resize


@click.command(cls=PflagCommand, help="Run one more process in a container that runs.")
@click.argument("container", metavar="CONTAINER")
@click.argument("words", metavar="COMMAND [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("-d", "--detach", is_flag=True, help="Leave it running.")
@click.option("-i", "--interactive", is_flag=True, help="Give it what is typed here.")
@click.option("-t", "--tty", is_flag=True, help="Give it a terminal.")
@click.option("-e", "--env", metavar="NAME[=VALUE]", multiple=True, help="Set a variable.")
@click.option("--env-file", metavar="FILE", multiple=True, help="Read variables from a file.")
@click.option("-u", "--user", metavar="USER[:GROUP]", default="", help="Who the process is.")
@click.option("-w", "--workdir", metavar="DIR", default="", help="The working directory.")
@click.option("--privileged", is_flag=True, help="Give it all capabilities.")
@click.option("--detach-keys", "keys", metavar="KEYS", default="", help="The keys that detach.")
def command(
    container: str,
    words: tuple[str, ...],
    detach: bool,
    interactive: bool,
    tty: bool,
    env: tuple[str, ...],
    env_file: tuple[str, ...],
    user: str,
    workdir: str,
    privileged: bool,
    keys: str,
) -> int:
    """Run a process; its exit code."""
    here = machine()
    id = here.store.find(container)
    if tty and interactive and not detach and terminal.size() is None:
        raise click.UsageError("the input device is not a TTY", click.get_current_context())
    variables = [each for name in env_file for each in environment.read_file(_content(name), name, os.environ)]
    variables += [environment.read_variable(text, os.environ) for text in env]
    wanted = Wanted(words, tty, interactive, tuple(variables), user, workdir, privileged)
    if detach:
        execs.detached(here, id, wanted)
        return 0
    return _pumped(here, id, wanted, detach_keys.read(keys))


def _pumped(here: Machine, id: str, wanted: Wanted, keys: bytes) -> int:
    at_terminal = wanted.tty and terminal.size() is not None
    with terminal.Signals(proxied=False) as signals:

        def pump(running: Running) -> Pump:
            def heard() -> None:
                if signal.SIGWINCH in signals.take() and at_terminal:
                    resize(running.stdin, terminal.size())

            if at_terminal:
                resize(running.stdin, terminal.size())
            outputs = {running.stdout: 1} if wanted.tty else {running.stdout: 1, running.stderr: 2}
            return Pump(
                outputs,
                source=0 if wanted.stdin else -1,
                sink=running.stdin,
                keys=keys if wanted.tty else b"",
                woken=signals.woken,
                on_wake=heard,
            )

        with terminal.raw(0, at_terminal and wanted.stdin):
            code, _ = execs.run(here, id, wanted, pump)
    return code


def _content(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read(environment.MAX_FILE + 1)
