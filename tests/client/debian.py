"""Debian's docker-registry with logins and certificates: the other side that was not written here."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.client.certificates import Pair
from tests.client.token_server import ISSUER, SERVICE, TokenServer, root_bundle
from tests.ports import free_port

# "secret words", hashed with bcrypt, the one form that docker-registry reads.
HTPASSWD = "ana:$2y$05$abcdefghijklmnopqrstuuqYWJzDGhfhlP.9mT5jl1vGUfaiH1IM.\n"

CONFIG = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http:
  addr: "127.0.0.1:{port}"
{more}
"""


@contextmanager
def docker_registry(folder: Path, more: str = "") -> Iterator[int]:
    """A running one; its port."""
    port = free_port()
    config, log = folder / "config.yml", folder / "registry.log"
    config.write_text(CONFIG.format(root=folder / "root", port=port, more=more))
    with log.open("wb") as output:
        process = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=output, stderr=output)
    try:
        _wait(port, process, log)
        yield port
    finally:
        process.kill()
        process.wait(10)


def tls(keys: Pair) -> str:
    """The configuration to serve by TLS; stands first, it goes on the section of http."""
    return f"  tls: {{certificate: {keys.certificate}, key: {keys.key}}}\n"


def basic(folder: Path) -> str:
    """The configuration to let ana in by her password."""
    (folder / "htpasswd").write_text(HTPASSWD)
    return f"auth:\n  htpasswd: {{realm: test, path: {folder / 'htpasswd'}}}\n"


def bearer(tokens: TokenServer) -> str:
    """The configuration to let in who has a token."""
    return (
        f"auth:\n  token: {{realm: {tokens.realm}, service: {SERVICE}, issuer: {ISSUER}, "
        f"rootcertbundle: {root_bundle(tokens.keys)}}}\n"
    )


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        else:
            return
