"""The registry under test as a process: started, asked, drained, killed and started again."""

import http.client
import json
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.layout import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST
from tests.e2e.processes import CommandFailed, Daemon, free_port

PROJECT = Path(__file__).resolve().parents[2]
READY = "/readyz"
ACCEPT = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST))


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def serve_command(root: Path, address: str) -> list[str]:
    """How the server is started: the command line of the package these tests run in."""
    return [sys.executable, "-m", "registry.cli", "serve", "--root", str(root), "--listen", address]


class Registry:
    """One server on a port of its own; the folder and the port outlive a stop."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.port = free_port()
        self.log = folder / "serve.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
        self._daemon = Daemon(serve_command(self.root, self.host), self.log, environment, PROJECT)

    @property
    def host(self) -> str:
        """HOST:PORT, as it stands in front of an image's name."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address for HTTP clients."""
        return f"http://{self.host}"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._daemon.running

    def start(self) -> None:
        """Start it and wait until it says it is ready."""
        self._daemon.start(self._ready)

    def drain(self) -> None:
        """Send SIGTERM and do not wait: what is in flight may finish, what is new is refused."""
        self._daemon.send(signal.SIGTERM)

    def wait(self, timeout: float = 60) -> int:
        """Wait for its end and return its exit code."""
        return self._daemon.wait(timeout)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it by a signal and return its exit code; after SIGTERM any code but 0 is an error."""
        code = self._daemon.stop(number)
        if number == signal.SIGTERM and code != 0:
            raise CommandFailed(f"the registry exited with {code} on SIGTERM\n{self._daemon.log_tail()}")
        return code

    def close(self) -> None:
        """End it whatever state it is in, for the end of a test."""
        if self._daemon.running:
            self._daemon.stop(signal.SIGKILL)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET that must be answered with 200."""
        answer = self.request("GET", path, headers=headers)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.body[:1000]!r}"
        return answer

    def tags(self, name: str) -> list[str]:
        """All tags of a repository."""
        found: list[str] = self.get(f"/v2/{name}/tags/list").json()["tags"]
        return found

    def digest_of(self, name: str, reference: str) -> str:
        """The digest the server names for a manifest."""
        answer = self.request("HEAD", f"/v2/{name}/manifests/{reference}", headers={"Accept": ACCEPT})
        assert answer.status == 200, f"HEAD {name}:{reference}: {answer.status}"
        return answer.headers["docker-content-digest"]

    def server_errors(self) -> list[str]:
        """The counters of requests that were answered with 500 or above, as /metrics prints them."""
        lines = self.get("/metrics").body.decode().splitlines()
        return [line for line in lines if re.search(r'status="5', line) and not line.startswith("#")]

    def _ready(self) -> bool:
        try:
            return self.request("GET", READY).status == 200
        except OSError:
            return False
