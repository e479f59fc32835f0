"""A PostgreSQL server of the tests' own: a cluster in a folder of its own, on a port of its own, that can be restarted.

`shared()` is the one that most tests use, each with databases of its own; what restarts or kills makes its own.
"""

from __future__ import annotations

import atexit
import functools
import glob
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from registry.metadata import schema
from tests.ports import free_port

START_SECONDS = 30.0
USER = "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "log_min_messages": "warning",
}


def program(name: str) -> str:
    """The path of one of the server's programs, of the newest version there is."""
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default="")
    assert found, f"{name} was not found: install postgresql"
    return found


def as_user(*arguments: str) -> list[str]:
    """The command, run by a user that the server does not refuse."""
    if os.geteuid() != 0:
        return list(arguments)
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *arguments]


class Cluster:
    """One server. `settings` are those of postgresql.conf."""

    def __init__(self, settings: dict[str, str] | None = None, *, copy_of: Cluster | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="entrepot-postgres-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.settings = SETTINGS | {"unix_socket_directories": str(self.folder)} | (settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        if copy_of is None:
            self._run("initdb", "-D", str(self.data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        else:
            source = ("-h", "127.0.0.1", "-p", str(copy_of.port), "-U", USER)
            self._run("pg_basebackup", *source, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast")

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(as_user(program(name), *arguments), cwd="/", capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{name} failed:\n{done.stderr}"

    @property
    def pid(self) -> int:
        """Of the server's first process."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    def launch(self) -> None:
        """Start the process and return at once."""
        settings = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                as_user(program("postgres"), "-D", str(self.data), "-p", str(self.port), *settings),
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> Cluster:
        """Start it and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return self
            except psycopg.OperationalError:
                assert self._process is not None
                running = self._process.poll() is None and time.monotonic() < deadline
                assert running, f"PostgreSQL does not start:\n{(self.folder / 'log').read_text()[-4000:]}"
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT cuts transactions off (fast), SIGQUIT goes without a word to the disk (immediate)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """End all its processes at once, as the kernel does when the machine is out of memory, or a power cut does."""
        if self._process is not None:
            children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True)
            for pid in [self.pid, *map(int, children.stdout.split())]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self._process.wait(START_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """The URL of a database of this name."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def execute(self, sql: str, name: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the superuser; its rows."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def empty_database(self) -> str:
        """The URL of a new database that holds nothing."""
        name = f"entrepot_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    @functools.cached_property
    def _template(self) -> str:
        url = self.empty_database()
        schema.upgrade(url)
        return url.rpartition("/")[2]

    def new_database(self) -> str:
        """The URL of a new database with the newest tables."""
        template = self._template
        name = f"entrepot_{os.getpid()}_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)


@functools.cache
def shared() -> Cluster:
    """The server of this test run, started when it is first asked for. It is never killed, so it need not sync."""
    cluster = Cluster({"fsync": "off"})
    atexit.register(cluster.remove)
    return cluster.start()
