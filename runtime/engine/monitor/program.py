"""The monitor as a program: `PLAN FD`, where FD is the connection of whoever starts the container."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import sys

from runtime.engine import frames
from runtime.engine.monitor import plan as plans
from runtime.engine.monitor.clients import Clients
from runtime.engine.monitor.container import Container
from runtime.engine.monitor.loop import Loop
from runtime.engine.monitor.oci import RuntimeFailed

CHILD_SUBREAPER = 36
"""The option of prctl by which orphaned processes below this one become its children."""
LAST = 600.0
"""Seconds that clients have, after the container's end, to take what waits for them."""


def main() -> None:
    """Be the monitor of a container until it has ended."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write("entrepot-mon")
    if ctypes.CDLL(None, use_errno=True).prctl(CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt the container's processes")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    first = socket.socket(fileno=int(sys.argv[2]))
    if first.recv(frames.HEADER, socket.MSG_WAITALL) == frames.frame(frames.GO):
        _watch(plans.read(sys.argv[1]), first)


def _watch(plan: plans.Plan, first: socket.socket) -> None:
    first.set_inheritable(False)
    loop = Loop()
    clients = Clients(loop)
    container = Container(plan, loop, clients)
    clients.listener = container
    held = os.open(container.of.monitor, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    clients.listen(_listener(container.of.run, container.of.socket))
    client = clients.take(first)
    loop.on_signal(signal.SIGTERM, container.retire)
    try:
        container.start()
        finishing = True
    except RuntimeFailed as error:
        container.failed(error)
        finishing = False
    loop.run(lambda: container.over)
    finished = _close(loop, clients)
    container.close()
    client.drop()
    if finishing and not finished:
        os.execv(plan.finish[0], plan.finish)  # noqa: S606 - a program and its words, as the engine wrote them


def _close(loop: Loop, clients: Clients) -> bool:
    """Let clients take what waits for them; whether one of them has finished the container."""
    loop.after(LAST, clients.close)
    done = False

    def settled() -> bool:
        nonlocal done
        done = done or any(client.done for client in clients.all)
        return not any(client.waits or (client.custodian and not client.done) for client in clients.all)

    loop.run(settled)
    clients.close()
    return done


def _listener(folder: str, path: str) -> socket.socket:
    """Listen at a path that may be longer than an address allows."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{fd}/{os.path.basename(path)}")
    finally:
        os.close(fd)
    listener.listen(16)
    return listener
