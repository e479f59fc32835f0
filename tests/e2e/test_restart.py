"""The server is restarted under its clients: what is in flight ends well, what is refused is tried again."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.clients import Client
from tests.e2e.images import Images
from tests.e2e.layout import Layout, sha256_of
from tests.e2e.processes import clean_environment, wait_until
from tests.e2e.server import Registry
from tests.e2e.tools import system_tool

pytestmark = pytest.mark.e2e


@contextmanager
def in_background(command: list[str], client: Client, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A client at work while the test does something to the server."""
    with log.open("wb") as output, subprocess.Popen(command, env=client.env, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def uploading(registry: Registry) -> bool:
    """Whether bytes of an upload have reached the disk."""
    files = registry.root.glob("**/_uploads/*/data")
    return any(path.stat().st_size > 1_000_000 for path in files)


def push_through_restart(
    docker: Client, registry: Registry, images: Images, log: Path, number: signal.Signals
) -> tuple[str, str, int]:
    """Push a large layer with docker, restart the server in the middle; the image's name and id, docker's exit code."""
    name = f"{registry.host}/restart/pushed:1"
    docker("import", images.tars.large, name)
    image_id = docker("image", "inspect", "--format", "{{.Id}}", name)
    with in_background(docker.command("push", name), docker, log) as push:
        wait_until(lambda: uploading(registry) or push.poll() is not None, "upload")
        assert push.poll() is None, log.read_text()
        registry.stop(number)
        time.sleep(1)
        registry.start()
        return name, image_id, push.wait(120)


def check_pulls(docker: Client, name: str, image_id: str) -> None:
    docker("rmi", name)
    docker("pull", name)
    assert docker("image", "inspect", "--format", "{{.Id}}", name) == image_id
    docker("rmi", name)


@pytest.mark.parametrize("containerd", ["debian"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_tries_again_gets_through(
    docker: Client, own_registry: Registry, images: Images, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "push.log"
    name, image_id, code = push_through_restart(docker, own_registry, images, log, number)
    assert code == 0, log.read_text()
    check_pulls(docker, name, image_id)


@pytest.mark.parametrize("containerd", ["newest"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_gives_up_may_push_again(
    docker: Client, own_registry: Registry, images: Images, tmp_path: Path, number: signal.Signals
) -> None:
    """This engine never tries a refused connection again."""
    name, image_id, code = push_through_restart(docker, own_registry, images, tmp_path / "push.log", number)
    if code != 0:
        assert own_registry.request("HEAD", "/v2/restart/pushed/manifests/1").status == 404
        docker("push", name)
    check_pulls(docker, name, image_id)


@pytest.mark.parametrize("direction", ["download", "upload"])
def test_a_transfer_in_flight_ends_well(
    own_registry: Registry, skopeo: Client, images: Images, tmp_path: Path, direction: str
) -> None:
    target = f"docker://{own_registry.host}/restart/pulled:1"
    skopeo("copy", "--dest-tls-verify=false", images.named("debian"), target)
    layers = images.layout.json_of(images.debian["digest"])["layers"]
    digest = str(max(layers, key=lambda layer: int(layer["size"]))["digest"])
    curl = Client(system_tool("curl"), clean_environment(tmp_path), ("-q", "--fail", "--silent", "--show-error"))
    there = f"{own_registry.url}/v2/restart/pulled/blobs/{digest}"
    if direction == "download":
        arguments = ["--output", str(tmp_path / "layer"), there]
        under_way: Callable[[], bool] = (tmp_path / "layer").exists
    else:
        started = own_registry.request("POST", "/v2/restart/uploaded/blobs/uploads/")
        arguments = ["--upload-file", str(images.layout.file(digest))]
        arguments.append(f"{own_registry.url}{started.headers['location']}?digest={digest}")
        under_way = partial(uploading, own_registry)
    command = curl.command("--limit-rate", "25M", *arguments)
    with in_background(command, curl, tmp_path / "curl.log") as transfer:
        wait_until(under_way, direction)
        own_registry.drain()
        wait_until(lambda: curl.run("--head", there, check=False).code != 0, "refusal of what is new")
        assert own_registry.running, "gone while a transfer was in flight"
        assert transfer.wait(60) == 0, (tmp_path / "curl.log").read_text()
    assert own_registry.wait() == 0
    if direction == "download":
        assert sha256_of(tmp_path / "layer") == digest
    own_registry.start()
    name = "pulled" if direction == "download" else "uploaded"
    assert own_registry.get(f"/v2/restart/{name}/blobs/{digest}").body == images.layout.bytes_of(digest)


def test_clients_push_through_many_restarts(
    own_registry: Registry, crane: Client, images: Images, skopeo: Client, tmp_path: Path
) -> None:
    """Three restarts in a row while crane pushes; a push that gives up is a failed push and may be repeated."""
    skopeo("copy", images.named("debian"), f"oci:{tmp_path}/out:1")
    name = f"{own_registry.host}/restart/crane:1"
    command = crane.command("push", tmp_path / "out", name)
    for _ in range(3):
        with in_background(command, crane, tmp_path / "crane.log") as push:
            wait_until(lambda: uploading(own_registry) or push.poll() is not None, "upload")
            own_registry.stop()
            own_registry.start()
            push.wait(120)
    crane("push", tmp_path / "out", name)
    crane("pull", "--format", "oci", name, tmp_path / "back")
    Layout(tmp_path / "back").check(images.debian["digest"])
