"""`entrepot start`: containers that were created or have ended."""

import click

from runtime.bundle.grammar import detach_keys
from runtime.cli import terminal
from runtime.cli.attached import Streams, attached
from runtime.cli.each import each
from runtime.cli.machine import machine
from runtime.engine import frames
from runtime.engine.errors import WrongState
from runtime.engine.finish import finish
from runtime.engine.machine import Machine
from runtime.engine.start import Attach, start


@click.command(help="Start containers.")
@click.argument("containers", metavar="CONTAINER...", nargs=-1, required=True)
@click.option("-a", "--attach", is_flag=True, help="Show its output here, pass signals on, and exit as it does.")
@click.option("-i", "--interactive", is_flag=True, help="Give it what is typed here.")
@click.option("--detach-keys", "keys", metavar="KEYS", default="", help="The keys that detach.")
def command(containers: tuple[str, ...], attach: bool, interactive: bool, keys: str) -> int:
    """Start containers."""
    here = machine()
    if not attach and not interactive:
        return each(here, containers, lambda id: _started(here, id))
    if len(containers) > 1:
        raise click.UsageError("you cannot start and attach multiple containers at once", click.get_current_context())
    return _attached(here, here.store.find(containers[0]), stdin=interactive, keys=detach_keys.read(keys))


def _started(here: Machine, id: str) -> None:
    if connection := start(here, id):
        connection.close()


def _attached(here: Machine, id: str, *, stdin: bool, keys: bytes) -> int:
    record = here.store.record(id)
    stdin = stdin and record.config.open_stdin
    size = terminal.size() if record.config.tty else None
    connection = start(here, id, Attach(stdin=stdin, stdout=True, stderr=True, custodian=True, size=size))
    if connection is None:
        raise WrongState("you cannot start and attach a container that runs, use attach")
    restarts = record.host_config.restart_policy.name != "no"
    with connection:
        streams = Streams(tty=record.config.tty, stdin=stdin, keys=keys)
        outcome = attached(connection, streams, until_gone=not restarts)
        if not outcome.detached and not restarts:
            finish(here, id)
            connection.send(frames.FINISHED)
    return outcome.code
