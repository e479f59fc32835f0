"""`entrepot start`: containers that were created or have ended."""

from functools import partial
from typing import Any

from runtime.bundle.grammar import detach_keys
from runtime.cli import terminal
from runtime.cli.attached import Streams, attached
from runtime.cli.each import each
from runtime.cli.failure import Refused
from runtime.cli.machine import machine
from runtime.cli.options import ONE, SWITCH
from runtime.cli.verb import Verb
from runtime.engine.errors import StartFailed
from runtime.engine.finish import finish
from runtime.engine.machine import Machine
from runtime.engine.start import Attach, start
from runtime.engine.stop import to_monitor


def _start(values: dict[str, Any], containers: list[str]) -> int:
    here = machine()
    if not values["attach"] and not values["interactive"]:
        return each(here, containers, lambda id: _started(here, id))
    if len(containers) > 1:
        raise Refused("you cannot start and attach multiple containers at once")
    keys = detach_keys.read(values["detach_keys"] or "")
    return _attached(here, here.store.find(containers[0]), stdin=values["interactive"], keys=keys)


def _started(here: Machine, id: str) -> None:
    if connection := start(here, id):
        connection.close()


def _attached(here: Machine, id: str, *, stdin: bool, keys: bytes) -> int:
    record = here.store.record(id)
    stdin = stdin and record.config.open_stdin
    size = terminal.size() if record.config.tty else None
    try:
        connection = start(here, id, Attach(stdin=stdin, stdout=True, stderr=True, custodian=True, size=size))
    except StartFailed as error:
        error.exit_code = 1  # docker's, which has more to tell of `run` alone
        raise
    finishes = connection is not None and record.host_config.restart_policy.name == "no"
    if connection is None:  # it runs already
        connection = to_monitor(here, id)
        connection.attach(stdin=stdin, stdout=True, stderr=True)
    with connection:
        streams = Streams(tty=record.config.tty, stdin=stdin, keys=keys)
        return attached(connection, streams, partial(finish, here, id) if finishes else None).code


command = Verb(
    "Start containers.",
    _start,
    words=["CONTAINER..."],
    options=(
        (("-a", "--attach"), SWITCH, "", "Attach its output and signals, and exit with its exit code."),
        (("-i", "--interactive"), SWITCH, "", "Attach standard input."),
        (("--detach-keys",), ONE, "KEYS", "The keys that detach."),
    ),
)
