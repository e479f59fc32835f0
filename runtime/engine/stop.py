"""What is asked of a container that runs: to stop, a signal, to pause. Its monitor does it."""

from __future__ import annotations

import contextlib
from signal import SIGKILL

from runtime.engine import events, frames, lifecycle, looking, planning
from runtime.engine.connection import Connection, connect
from runtime.engine.errors import MonitorLost, NoSuchContainer, WrongState
from runtime.engine.machine import Machine
from runtime.engine.store import is_alive

KILL_SECONDS = 30.0
"""Seconds after SIGKILL within which a container must have ended, and been cleaned up."""


def stop(
    machine: Machine, id: str, *, signal: int | None = None, timeout: float | None = None, event: str = "stop"
) -> None:
    """Have a container end: its stop signal, and SIGKILL after `timeout` seconds (negative: never).

    None is what the container says. Nothing happens to one that does not run. Returns when its end is written down.
    Raises WrongState if SIGKILL does not end it either.
    """
    record = machine.store.record(id)
    if not is_alive(looking.looked_at(machine, id)):
        return
    number = planning.stop_signal(record) if signal is None else signal
    seconds = planning.stop_timeout(record) if timeout is None else timeout
    told = planning.attributes(record)
    events.append(machine.paths.events, "kill", id, {**told, "signal": str(int(number))})
    with contextlib.suppress(MonitorLost), to_monitor(machine, id) as connection:
        connection.tell(frames.STOP, signal=number, timeout=seconds)
        _await_end(connection, id, seconds if number != SIGKILL else 0)
    _settle(machine, id)
    if event:
        events.append(machine.paths.events, event, id, told)


def kill(machine: Machine, id: str, signal: int) -> None:
    """Send a signal to its first process. Raises WrongState if it does not run."""
    with to_monitor(machine, id) as connection:
        connection.command(frames.KILL, signal=signal)


def pause(machine: Machine, id: str, *, paused: bool) -> None:
    """Freeze it, or let it go on. Raises WrongState."""
    with to_monitor(machine, id) as connection:
        connection.command(frames.PAUSED, paused=paused)


def wait(machine: Machine, id: str) -> int:
    """Wait until it does not run; its exit code. One that waits for its restart has ended."""
    with contextlib.suppress(MonitorLost, WrongState), to_monitor(machine, id) as connection:
        if machine.store.state(id).status in (lifecycle.RUNNING, lifecycle.PAUSED):
            _, said = connection.until(frames.EXITED)
            return int(said["code"])
    try:
        return looking.looked_at(machine, id).exit_code
    except NoSuchContainer:
        return 0


def to_monitor(machine: Machine, id: str) -> Connection:
    """Connect to the monitor of a container. Raises WrongState if it does not run."""
    of = machine.paths.of(id)
    try:
        return connect(of.run, "socket")
    except MonitorLost:
        status = looking.looked_at(machine, id).status
        if status in lifecycle.ALIVE:
            return connect(of.run, "socket")
        raise WrongState(f"container {id[:12]} is not running") from None


def _await_end(connection: Connection, id: str, seconds: float) -> None:
    try:
        connection.until(frames.GONE, seconds=None if seconds < 0 else seconds + KILL_SECONDS)
    except TimeoutError:
        raise WrongState(
            f"container {id[:12]} was killed but has not ended: one of its processes waits for the kernel or a parent"
        ) from None


def _settle(machine: Machine, id: str) -> None:
    with contextlib.suppress(NoSuchContainer):
        looking.looked_at(machine, id)
