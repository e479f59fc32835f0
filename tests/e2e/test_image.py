"""The image of deploy/Dockerfile, built without the network and run by an engine as hard as it can be held.

The base is a Debian with Python made here, as no hub is within reach.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.composed import BASE, IMAGE
from tests.e2e.processes import wait_until
from tests.e2e.server import Registry
from tests.postgres.server import shared
from tests.s3.servers import gateway, make_bucket

# One engine is enough: what differs between them is not the image's.
pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("containerd", ["newest"], indirect=True)]

OWN_SIZE = 130 * 10**6
HARD = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host")
HEALTH = ("/opt/entrepot/bin/python", "-I", "/opt/entrepot/healthcheck.py")


class Container(Registry):
    """The registry as a container of that image, on a port of this machine; the rest is asked as of any other."""

    def __init__(self, folder: Path, docker: Client, name: str, *options: str) -> None:
        super().__init__(folder)
        self.docker, self.name = docker, name
        self._options = (*HARD, "--env", f"ENTREPOT_SERVER_LISTEN={self.host}", *options)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.docker("run", "--detach", "--name", self.name, *self._options, IMAGE)
        wait_until(self._ready_or_gone, f"answer of {self.name}")
        assert self._ready(), self.docker.run("logs", self.name).text

    def end(self) -> int:
        """Stop it as an orchestrator does, remove it, and return its exit code."""
        self.docker("stop", self.name)
        code = self.docker("inspect", "--format", "{{.State.ExitCode}}", self.name)
        self.docker("rm", self.name)
        return int(code)

    def status(self) -> dict[str, str]:
        """What the kernel says about its first process."""
        pid = self.docker("inspect", "--format", "{{.State.Pid}}", self.name)
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def _ready_or_gone(self) -> bool:
        return self._ready() or self.docker("inspect", "--format", "{{.State.Running}}", self.name) != "true"


@contextmanager
def started(folder: Path, docker: Client, name: str, *options: str) -> Iterator[Container]:
    """A container that is gone at the end whatever happens."""
    container = Container(folder, docker, name, *options)
    try:
        container.start()
        yield container
    finally:
        docker.run("rm", "--force", name, check=False)


def test_it_is_small_and_says_what_it_is(docker: Client, image: str) -> None:
    size, base = (int(docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (IMAGE, BASE))
    assert size - base < OWN_SIZE
    inspected = docker("image", "inspect", "--format", "{{.Config.User}} {{json .Config.Labels}}", IMAGE)
    assert inspected.startswith("10001:10001 ")
    assert '"org.opencontainers.image.title":"entrepot"' in inspected
    assert re.search(r'"org.opencontainers.image.revision":"([0-9a-f]{40}|unknown)"', inspected)
    assert "entrepot" in docker("run", "--rm", *HARD, IMAGE, "version")
    # Nothing of it can be changed by whom it runs as.
    find = ("find", "/opt/entrepot", "(", "-user", "10001", "-o", "-perm", "-o+w", "!", "-type", "l", ")")
    assert docker("run", "--rm", *HARD, "--entrypoint", find[0], IMAGE, *find[1:]) == ""


def test_it_does_not_start_before_somebody_says_who_may_do_what(docker: Client, image: str) -> None:
    assert "access.anonymous" in docker.fails("run", "--rm", *HARD, IMAGE)


def test_it_is_pushed_to_itself_and_pulled_back(docker: Client, skopeo: Client, image: str, tmp_path: Path) -> None:
    with started(tmp_path, docker, "itself", "--volume", "itself:/var/lib/entrepot") as container:
        status = container.status()
        assert status["Uid"].split() == ["10001"] * 4
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"] == "1"
        docker("exec", container.name, *HEALTH)
        name = f"{container.host}/entrepot/entrepot:1"
        docker("tag", IMAGE, name)
        docker("push", name, timeout=200)
        docker("rmi", name)
        digest = container.digest_of("entrepot/entrepot", "1")
        assert container.server_errors() == []
        assert container.end() == 0
        container.start()
        assert container.digest_of("entrepot/entrepot", "1") == digest
        # skopeo knows nothing about it yet, so every byte comes from the container.
        skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path / 'pulled'}", timeout=200)
        docker("pull", name, timeout=200)
        assert docker("image", "inspect", "--format", "{{.Id}}", name) == image
        wait_until(lambda: "(healthy)" in docker("ps", "--filter", "name=itself", "--format", "{{.Status}}"), "health")
        assert container.end() == 0
    docker("rmi", name)
    docker("volume", "rm", "itself")


def test_the_health_check_tells_a_registry_that_does_not_answer(docker: Client, image: str) -> None:
    asked = docker.fails(
        "run",
        "--rm",
        *HARD,
        "--env",
        "ENTREPOT_SERVER_LISTEN=127.0.0.1:1",
        "--entrypoint",
        HEALTH[0],
        IMAGE,
        *HEALTH[1:],
    )
    assert "refused" in asked


def test_it_serves_from_a_bucket_and_postgresql(docker: Client, skopeo: Client, image: str, tmp_path: Path) -> None:
    with gateway(tmp_path / "s3") as bucket:
        make_bucket(bucket, "registry")
        settings = {
            "DATABASE_URL": shared().new_database(),
            "STORAGE_DRIVER": "s3",
            "S3_BUCKET": "registry",
            "S3_ENDPOINT": bucket.endpoint,
            "S3_ACCESS_KEY": bucket.access_key,
            "S3_SECRET_KEY": bucket.secret_key,
        }
        options = [word for name, value in settings.items() for word in ("--env", f"ENTREPOT_{name}={value}")]
        # Nothing is kept in the container: not even a volume is needed.
        with started(tmp_path, docker, "replica", *options, "--tmpfs", "/var/lib/entrepot:uid=10001,gid=10001") as one:
            docker("save", "--output", tmp_path / "base.tar", BASE, timeout=200)
            target = f"docker://{one.host}/base:1"
            skopeo("copy", "--dest-tls-verify=false", f"docker-archive:{tmp_path / 'base.tar'}", target, timeout=200)
            skopeo("copy", "--src-tls-verify=false", target, f"dir:{tmp_path / 'pulled'}", timeout=200)
            digest = one.get("/v2/base/manifests/1").json()["layers"][0]["digest"]
            assert one.request("GET", f"/v2/base/blobs/{digest}").headers["location"].startswith(bucket.endpoint)
            assert one.server_errors() == []
            assert one.end() == 0
