"""A container in the foreground: its streams are this command's, and so are its signals and its exit code."""

import os
import signal
import sys
from collections.abc import Callable
from typing import NamedTuple

from runtime.bundle.grammar.detach_keys import DEFAULT
from runtime.cli import terminal
from runtime.engine import frames
from runtime.engine.connection import Connection
from runtime.engine.relay import Outcome, Relay


class Streams(NamedTuple):
    """What of a container is shown here, and how."""

    tty: bool
    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    proxied: bool = True
    """Whether signals go on to the container."""
    keys: bytes = DEFAULT


def attached(
    connection: Connection, streams: Streams, finish: Callable[[Callable[[], None]], None] | None = None
) -> Outcome:
    """Stay until the container ends or the keys are typed. Raises MonitorLost.

    Its custodian finishes a container that has ended, and is given what waits until it is gone.
    """
    sys.stdout.flush()
    at_terminal = streams.tty and os.isatty(0)
    with terminal.Signals(proxied=streams.proxied) as signals:

        def heard() -> None:
            for number in signals.take():
                if number != signal.SIGWINCH:
                    relay.tell(frames.told(frames.KILL, signal=number))
                elif at_terminal and (now := terminal.size()):
                    relay.tell(frames.told(frames.RESIZE, rows=now[0], columns=now[1]))

        relay = Relay(
            connection,
            stdin=0 if streams.stdin else -1,
            stdout=1 if streams.stdout else -1,
            stderr=2 if streams.stderr else -1,
            keys=streams.keys if streams.tty else b"",
            woken=signals.woken,
            on_wake=heard,
        )
        with terminal.raw(0, at_terminal and streams.stdin):
            if at_terminal and (now := terminal.size()):
                relay.tell(frames.told(frames.RESIZE, rows=now[0], columns=now[1]))
            outcome = relay.run()
        if finish is not None and not outcome.detached:
            finish(relay.until_gone)
            connection.send(frames.FINISHED)
    return outcome
