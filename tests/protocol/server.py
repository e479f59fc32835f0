"""Starts the real server for tests: its own folder, its own port, variables on top of the default configuration."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.databases import configured
from tests.ports import free_port
from tests.protocol.client import Client, Closed
from tests.storages import stored

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 40.0


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: ours without any setting of entrepot, then the extra variables."""
    base = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    return base | {"PYTHONUNBUFFERED": "1"} | dict(extra)


def command(root: Path, *arguments: str) -> list[str]:
    """The command that serves a folder."""
    return [sys.executable, "-m", "registry.cli", "serve", "--root", str(root), *arguments]


class Server:
    """One server process (with its workers) over one folder; it can be stopped, killed and started again."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None, host: str = "127.0.0.1") -> None:
        self.root = folder / "root"
        self.log_path = folder / "server.log"
        self.variables = configured(self.root) | stored(self.root) | dict(variables or {})
        self.host = host
        self.port = free_port()
        self.client = Client("127.0.0.1", self.port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything the server has written to its outputs."""
        return self.log_path.read_text(errors="replace")

    @property
    def database_url(self) -> str:
        """The URL of its database."""
        return self.variables.get("ENTREPOT_DATABASE_URL", f"sqlite:///{self.root / 'entrepot.db'}")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def blobs(self) -> Path:
        """The folder of blobs by digest."""
        return self.root / "storage" / "docker" / "registry" / "v2" / "blobs"

    def blob_file(self, digest: str) -> Path:
        """Where the bytes of a blob lie."""
        algorithm, _, hexadecimal = digest.partition(":")
        return self.blobs / algorithm / hexadecimal[:2] / hexadecimal / "data"

    def launch(self, stdout: int | None = None) -> None:
        """Starts the process and returns at once; its standard output may go elsewhere than to its log."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command(self.root, "--listen", f"{self.host}:{self.port}"),
                cwd=PROJECT,
                env=environment(self.variables),
                stdout=log if stdout is None else stdout,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> Server:
        """Starts the process and waits until it is ready."""
        self.launch()
        wait_until(self.is_ready, START_SECONDS, lambda: f"the server does not get ready:\n{self.log[-4000:]}")
        return self

    def is_ready(self) -> bool:
        """It answers 200 on /readyz; a process that ended is an error."""
        code = self.process.poll()
        assert code is None, f"the server ended with {code}:\n{self.log[-4000:]}"
        with suppress(OSError, Closed):
            return self.client.get("/readyz").status == 200
        return False

    def terminate(self) -> None:
        """Asks the server to stop, as an init system does."""
        self.client.close()
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit status."""
        return self.process.wait(seconds)

    def stop(self) -> int:
        """Asks the server to stop and gives its exit status."""
        self.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """Ends the server and its workers at once, as kill -9 or a power cut does."""
        self.client.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)


@contextmanager
def running(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A started server that is gone afterwards."""
    server = Server(folder, variables)
    try:
        yield server.start()
    finally:
        if server._process is not None:
            server.kill()


def wait_until(
    condition: Callable[[], object], seconds: float, complaint: Callable[[], str] | str, pause: float = 0.05
) -> None:
    """Waits until the condition holds, and fails with the complaint when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint if isinstance(complaint, str) else complaint()
        time.sleep(pause)
