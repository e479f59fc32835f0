"""The `entrepot` command as a user runs it: a process with an environment of its own."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from time import monotonic, sleep

COMMAND = (sys.executable, "-m", "registry.cli")
# A variable of the caller must not reach the configuration.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}


def run(
    *arguments: str, environ: Mapping[str, str] | None = None, command: tuple[str, ...] = COMMAND
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*command, *arguments], env={**ENVIRONMENT, **(environ or {})}, capture_output=True, text=True, timeout=60
    )


def refused(*arguments: str, code: int, environ: Mapping[str, str] | None = None) -> str:
    """Run the command, which fails with `code` and one line; return the line."""
    done = run(*arguments, environ=environ)
    assert done.returncode == code, done
    assert done.stdout == ""
    assert done.stderr.startswith("entrepot: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@contextmanager
def serving(
    *arguments: str, command: tuple[str, ...] = COMMAND, cwd: str | None = None
) -> Iterator[tuple[subprocess.Popen[str], int, list[str]]]:
    """Start `serve` on a free port and wait until it is ready; give the process, the port and its first lines."""
    server = subprocess.Popen(
        [*command, "serve", "--listen", "127.0.0.1:0", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )
    try:
        assert server.stderr is not None
        first = [server.stderr.readline() for _ in range(4)]
        found = re.search(r":(\d+)$", first[0].strip())
        assert found, (first, server.communicate(timeout=10))
        port = int(found[1])
        wait_until_ready(server, port)
        yield server, port, first
    finally:
        if server.poll() is None:
            server.kill()
        server.communicate()


def get(port: int, path: str) -> tuple[int, bytes]:
    """GET a path, return status and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def wait_until_ready(server: subprocess.Popen[str], port: int) -> None:
    """Return when /readyz answers 200."""
    end = monotonic() + 20
    while True:
        try:
            status, body = get(port, "/readyz")
            if status == 200:
                return
            problem: object = (status, body)
        except OSError as error:
            problem = error
        assert server.poll() is None, server.communicate()
        assert monotonic() < end, problem
        sleep(0.05)
