"""deploy/compose.yaml brought up as it stands, with two replicas: pushed to, pulled from, one of them killed."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.composed import IMAGE, make_database, make_s3
from tests.e2e.images import Images
from tests.e2e.processes import run, wait_until
from tests.e2e.server import PROJECT, Registry
from tests.e2e.tools import system_tool
from tests.ports import free_port

# One engine is enough: what differs between them is not the file's.
pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("containerd", ["newest"], indirect=True)]

FILE = PROJECT / "deploy" / "compose.yaml"
NAME = "entrepot:0.1.0"
PROJECT_NAME = "entrepot-e2e"
MINE = ("--filter", f"label=com.docker.compose.project={PROJECT_NAME}")
PATIENCE = 90


class Replica(Registry):
    """One of the file's, at a port of this machine."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder)
        self.port = port

    @property
    def ready(self) -> bool:
        return self._ready()

    def image(self, name: str) -> str:
        return f"docker://{self.host}/compose/app:{name}"


def two_ports() -> int:
    """The first of two that follow each other."""
    while True:
        first = free_port()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", first + 1)):
                return first


@pytest.fixture
def replicas(docker: Client, image: str, tmp_path: Path) -> Iterator[list[Replica]]:
    """Brought up, with secrets of its own; what it has made is removed at the end."""
    docker("tag", IMAGE, NAME)
    for make, name in ((make_database, "database"), (make_s3, "s3")):
        (tmp_path / name).mkdir()
        make(docker, tmp_path / name)
    run([PROJECT / "deploy" / "make-secrets", tmp_path / "secrets"])
    port = two_ports()
    variables = {
        "ANONYMOUS": "full",
        "SECRETS": str(tmp_path / "secrets"),
        "LISTEN": f"127.0.0.1:{port}-{port + 1}",
        "COMPOSE_API_VERSION": "1.41",
        "COMPOSE_PROJECT_NAME": PROJECT_NAME,
    }
    compose = Client(system_tool("docker-compose"), {**docker.env, **variables}, ("--file", str(FILE)))
    try:
        compose("up", "--detach", "--scale", "registry=2", timeout=PATIENCE)
        made = [Replica(tmp_path / f"replica-{number}", port + number) for number in range(2)]
        wait_until(lambda: all(each.ready for each in made), "both replicas", PATIENCE)
        yield made
    finally:
        compose.run("down", "--volumes", "--timeout", "3", check=False)
    assert docker("ps", "--all", "--quiet", *MINE) == docker("volume", "ls", "--quiet", *MINE) == ""


def test_a_replica_of_the_file_dies(
    docker: Client, skopeo: Client, images: Images, replicas: list[Replica], tmp_path: Path
) -> None:
    one, other = replicas
    skopeo("copy", "--dest-tls-verify=false", images.named("busybox"), one.image("before"))
    digest = images.layout.digest_of("busybox")
    assert other.digest_of("compose/app", "before") == digest
    skopeo("copy", "--src-tls-verify=false", other.image("before"), f"dir:{tmp_path / 'pulled'}")

    port = f"127.0.0.1:{one.port}->"
    (dies,) = (line.split()[0] for line in docker("ps", *MINE).splitlines() if port in line)
    os.kill(int(docker("inspect", "--format", "{{.State.Pid}}", dies)), signal.SIGKILL)
    skopeo("copy", "--dest-tls-verify=false", images.named("zstd"), other.image("meanwhile"))
    assert sorted(other.tags("compose/app")) == ["before", "meanwhile"]
    wait_until(lambda: one.ready, "the replica that was killed", PATIENCE)
    assert one.digest_of("compose/app", "meanwhile") == images.layout.digest_of("zstd")
    assert [each.server_errors() for each in replicas] == [[], []]
