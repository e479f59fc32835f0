"""PgBouncer between the registry and a PostgreSQL server, as a process of its own on a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.e2e.tools import system_tool
from tests.ports import free_port
from tests.postgres.server import START_SECONDS, USER, Cluster, as_user

SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
admin_users = {user}
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 500
"""


class Pooler:
    """One that runs; `mode` is session or transaction, `size` the connections it has to a database at most."""

    def __init__(self, cluster: Cluster, mode: str, size: int, folder: Path) -> None:
        self.port = free_port()
        self._cluster = cluster
        settings, log = folder / "pgbouncer.ini", folder / "log"
        settings.write_text(
            SETTINGS.format(server=cluster.port, port=self.port, folder=folder, user=USER, mode=mode, size=size)
        )
        (folder / "users").write_text(f'"{USER}" ""\n')
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                as_user(str(system_tool("pgbouncer")), str(settings)), cwd="/", stdout=output, stderr=output
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.tell("SHOW VERSION")
                return
            except psycopg.OperationalError:
                running = self.process.poll() is None and time.monotonic() < deadline
                assert running, f"PgBouncer does not start:\n{log.read_text()[-4000:]}"
                time.sleep(0.02)

    def through(self, url: str) -> str:
        """The URL of the same database, by way of this."""
        return url.replace(f":{self._cluster.port}/", f":{self.port}/")

    def tell(self, command: str) -> None:
        """Have its administrator say something."""
        with psycopg.connect(self.through(self._cluster.url("pgbouncer")), autocommit=True) as console:
            console.pgconn.exec_(command.encode())


@contextmanager
def pooler(cluster: Cluster, mode: str, size: int = 20) -> Iterator[Pooler]:
    """One that is gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="entrepot-pgbouncer-"))
    folder.chmod(0o755)
    made = None
    try:
        made = Pooler(cluster, mode, size, folder)
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        yield made
    finally:
        if made is not None:
            made.process.kill()
            made.process.wait()
        shutil.rmtree(folder, ignore_errors=True)
