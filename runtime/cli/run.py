"""`entrepot run`: a new container of an image, in the foreground or left running."""

import contextlib
from functools import partial

from runtime.cli import terminal
from runtime.cli.attached import Streams, attached
from runtime.cli.creating import made
from runtime.cli.failure import Refused
from runtime.cli.machine import machine
from runtime.cli.run_request import Asked
from runtime.cli.run_verb import run_verb
from runtime.engine.errors import EngineError, StartFailed
from runtime.engine.finish import finish
from runtime.engine.machine import Machine
from runtime.engine.record import Record
from runtime.engine.remove import remove
from runtime.engine.start import Attach, start


def _run(asked: Asked) -> int:
    try:
        here = machine()
        _check_terminal(asked)
        record = made(here, asked)
    except Exception as error:
        _as_docker(error)
        raise
    try:
        return _detached(here, record) if asked.detach else _foreground(here, record, asked)
    except Exception as error:
        if record.host_config.auto_remove:
            with contextlib.suppress(EngineError):
                remove(here, record.id)
        _as_docker(error)
        raise


def _detached(here: Machine, record: Record) -> int:
    try:
        if connection := start(here, record.id):
            connection.close()
    finally:
        print(record.id, flush=True)  # also of one that does not start: it is there, and has to be removed
    return 0


def _foreground(here: Machine, record: Record, asked: Asked) -> int:
    config = record.config
    connection = start(
        here,
        record.id,
        Attach(
            stdin=config.attach_stdin,
            stdout=config.attach_stdout,
            stderr=config.attach_stderr,
            custodian=True,
            size=terminal.size() if config.tty else None,
        ),
    )
    if connection is None:
        raise StartFailed(f"container {record.id[:12]} was started by another command", 125)
    with connection:
        streams = Streams(
            tty=config.tty,
            stdin=config.attach_stdin,
            stdout=config.attach_stdout,
            stderr=config.attach_stderr,
            proxied=asked.sig_proxy,
            keys=asked.detach_keys,
        )
        restarts = record.host_config.restart_policy.name != "no"
        return attached(connection, streams, None if restarts else partial(finish, here, record.id)).code


def _check_terminal(asked: Asked) -> None:
    config = asked.request.config
    if config.tty and config.attach_stdin and not asked.detach and terminal.size() is None:
        raise Refused("the input device is not a TTY")


def _as_docker(error: Exception) -> None:
    """What goes wrong before a container runs has docker's exit code for it."""
    if not hasattr(error, "exit_code"):
        error.exit_code = 125  # type: ignore[attr-defined]


command = run_verb("Create a container and run it.", _run, starts=True)
