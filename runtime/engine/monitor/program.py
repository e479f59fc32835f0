"""The monitor as a program, `PLAN FD`, or as a fork of the starting command; FD is the connection to them."""

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
from runtime.engine.monitor.creator import Creator
from runtime.engine.monitor.loop import Loop
from runtime.engine.monitor.oci import RuntimeFailed
from runtime.engine.paths import Paths

CHILD_SUBREAPER = 36
"""The option of prctl by which orphaned processes below this one become its children."""
LAST_SECONDS = 600.0
"""Seconds that clients have, after the container's end, to take what waits for them."""


def main() -> None:
    """Be the monitor of a container until it has ended."""
    if os.fork():
        os._exit(0)
    os.setsid()
    keep(socket.socket(fileno=int(sys.argv[2])))


def keep(first: socket.socket) -> None:
    """Be the monitor in this process, which leads a session of its own; `first` is whoever starts the container."""
    os.chdir("/")
    os.umask(0o077)
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write("entrepot-mon")
    if ctypes.CDLL(None, use_errno=True).prctl(CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt the container's processes")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, lambda *_: None)  # which programs it starts do not inherit, unlike SIG_IGN
    first.set_inheritable(False)
    creator = Creator()
    path = _told(first)
    plan = plans.read(path) if path else None
    if plan is None or not plan.ours:
        creator.cancel()
    if plan is not None:
        _speak(plan)
        _watch(plan, first, creator)


def _told(first: socket.socket) -> str:
    """The path of the plan, when it is written; empty if there will be none."""
    head = first.recv(frames.HEADER, socket.MSG_WAITALL)
    if head[:1] != frames.GO:
        return ""
    return os.fsdecode(first.recv(int.from_bytes(head[1:], "big"), socket.MSG_WAITALL))


def _speak(plan: plans.Plan) -> None:
    """What goes wrong here is told where the engine looks for it."""
    said = os.open(Paths(plan.root, plan.run).of(plan.id).said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(said, 2)
    os.close(said)


def _watch(plan: plans.Plan, first: socket.socket, creator: Creator) -> None:
    loop = Loop()
    clients = Clients(loop)
    container = Container(plan, loop, clients, creator)
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
    loop.after(LAST_SECONDS, clients.close)
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
