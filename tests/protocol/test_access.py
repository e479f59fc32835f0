"""Who may do what, and where the server refuses to start because nobody has said so."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.protocol.content import OCTETS, digest_of, new_repository
from tests.protocol.server import PROJECT, Server, command, environment, free_port


@pytest.mark.parametrize("mode", ["pull", "push", "full"])
def test_access(start: Callable[..., Server], mode: str) -> None:
    filler = start()
    repository = new_repository(filler.client)
    image = repository.tag("latest", repository.image())
    digest = repository.push(b"blob")
    assert filler.stop() == 0
    filler.variables["ENTREPOT_ACCESS_ANONYMOUS"] = mode
    filler.start()
    client = filler.client
    nothing = repository.uploads + "0" * 32
    table = {
        "pull": [
            ("GET", "/v2/"), ("GET", "/v2/_catalog"), ("GET", f"/v2/{repository.name}/tags/list"),
            ("GET", repository.manifest("latest")), ("HEAD", repository.manifest(image.digest)),
            ("GET", repository.blob(digest)), ("HEAD", repository.blob(digest)),
            ("GET", f"/v2/{repository.name}/referrers/{image.digest}"),
        ],
        "push": [
            ("POST", repository.uploads), ("POST", f"{repository.uploads}?digest={digest_of(b'')}"),
            ("POST", f"{repository.uploads}?mount={digest}&from={repository.name}"), ("GET", nothing),
            ("PATCH", nothing), ("PUT", f"{nothing}?digest={digest}"), ("DELETE", nothing),
            ("PUT", repository.manifest("latest")), ("PUT", repository.manifest(image.digest)),
        ],
        "full": [
            ("DELETE", repository.manifest("latest")), ("DELETE", repository.manifest(image.digest)),
            ("DELETE", repository.blob(digest)),
        ],
    }  # fmt: skip
    order = ("pull", "push", "full")
    for needed in order:
        for method, target in table[needed]:
            response = client.request(method, target, OCTETS, b"" if method in ("POST", "PUT", "PATCH") else None)
            is_allowed = order.index(needed) <= order.index(mode)
            assert (response.status not in (401, 403)) == is_allowed, (mode, method, target, response)
            if not is_allowed:
                assert response.code in ("DENIED", "UNAUTHORIZED")
    still = client.get(repository.manifest(image.digest)).status
    assert still == (200 if mode != "full" else 404)


def refused_start(tmp_path: Path, *arguments: str, **variables: str) -> str:
    """What the server says when it refuses to start."""
    done = subprocess.run(
        command(tmp_path / "root", *arguments),
        cwd=PROJECT,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode not in (0, -9, -15)
    assert "Traceback" not in done.stderr + done.stdout
    return done.stderr


def test_beyond_loopback_needs_a_choice(tmp_path: Path) -> None:
    for address in ("0.0.0.0", "[::]"):
        said = refused_start(tmp_path, "--listen", f"{address}:{free_port()}")
        assert "access.anonymous" in said
        assert all(word in said for word in ("pull", "push", "full"))


def test_beyond_loopback_with_a_choice(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    server = Server(folder, {"ENTREPOT_ACCESS_ANONYMOUS": "pull"}, host="0.0.0.0")
    try:
        server.start()
        assert server.client.post("/v2/a/blobs/uploads/").status == 403
    finally:
        server.kill()


def test_an_address_that_is_taken(server: Server, tmp_path: Path) -> None:
    assert str(server.port) in refused_start(tmp_path, "--listen", f"127.0.0.1:{server.port}")


def test_a_second_server_on_the_same_folder_reads_the_same(start: Callable[..., Server], tmp_path: Path) -> None:
    one = start()
    repository = new_repository(one.client)
    image = repository.tag("latest", repository.image())
    two = Server(tmp_path / "two-folder")
    two.log_path.parent.mkdir()
    two.root = one.root
    try:
        two.start()
        assert repository.at(two.client).client.get(repository.manifest("latest")).body == image.payload
    finally:
        two.kill()
