"""The reference registry (Debian's docker-registry), over any folder; it is asked what a folder holds."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx2

from tests.application import OCI_INDEX, OCI_MANIFEST, digest_of

CONFIG = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
"""

ACCEPT = {"accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}


class Reference:
    """A running one."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http

    def request(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        return self._http.request(method, target, content=body, headers=dict(headers or {}))

    def catalog(self) -> list[str]:
        return sorted(self.request("GET", "/v2/_catalog?n=1000").json()["repositories"] or [])

    def tags(self, repository: str) -> list[str]:
        """None at all is 404 to it, and `null` once there were some."""
        answer = self.request("GET", f"/v2/{repository}/tags/list")
        return [] if answer.status_code == 404 else sorted(answer.json()["tags"] or [])

    def manifest(self, repository: str, reference: str) -> tuple[int, bytes, str | None]:
        """Status, bytes, digest."""
        answer = self.request("GET", f"/v2/{repository}/manifests/{reference}", headers=ACCEPT)
        return answer.status_code, answer.content, answer.headers.get("docker-content-digest")

    def blob(self, repository: str, digest: str) -> tuple[int, bytes]:
        answer = self.request("GET", f"/v2/{repository}/blobs/{digest}")
        return answer.status_code, answer.content

    def push(self, repository: str, data: bytes) -> None:
        started = self.request("POST", f"/v2/{repository}/blobs/uploads/")
        location = started.headers["location"]
        closed = self.request("PUT", f"{location}&digest={quote(digest_of(data))}", data)
        assert closed.status_code == 201, closed.text

    def put(self, repository: str, reference: str, payload: bytes, media_type: str) -> None:
        target = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("PUT", target, payload, {"content-type": media_type})
        assert answer.status_code == 201, answer.text


@contextmanager
def reference(root: Path, folder: Path) -> Iterator[Reference]:
    """The reference registry over the storage in `root`, its configuration in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config, log = folder / f"reference-{port}.yml", folder / f"reference-{port}.log"
    config.write_text(CONFIG.format(root=root, port=port))
    with log.open("wb") as output:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=output, stderr=output)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            _wait(http, process, log)
            yield Reference(http)
    finally:
        process.kill()
        process.wait(10)


def _wait(http: httpx2.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        assert process.poll() is None, log.read_text()
        try:
            if http.get("/v2/").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)
