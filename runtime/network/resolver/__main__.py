"""The resolver's program: `python -m runtime.network.resolver RUNNING`, started by `client` and by no other process.

It leaves its parent, takes the lock, puts its socket where `client` looks for it, says so with one byte on standard
output, and serves until the last container has gone.
"""

import fcntl
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

from runtime.network.resolver.known import Known
from runtime.network.resolver.server import Server
from runtime.network.resolver.socket_path import short

_WAIT_SECONDS: Final = 10.0
"""Seconds for one that is about to end to let go of the lock."""


def main(running: Path) -> None:
    """Run in the background."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not _locked(running / "resolver.lock"):
        return
    path = running / "resolver.sock"
    with _listening(path) as requests:
        server = Server(requests, Known(running))
        os.write(sys.stdout.fileno(), b"1")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        try:
            server.run()
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def _listening(path: Path) -> socket.socket:
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    requests = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    with short(aside) as name:
        requests.bind(name)
    aside.chmod(0o600)
    requests.setblocking(False)
    requests.listen(64)
    aside.replace(path)
    return requests


main(Path(sys.argv[1]))
