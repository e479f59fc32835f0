"""Who may do what, and where the server refuses to start because nobody has said so."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.ports import free_port
from tests.protocol.content import OCTETS, Manifest, Repository, digest_of, new_repository
from tests.protocol.server import PROJECT, Server, command, environment

MODES = ("pull", "push", "full")


def table(repository: Repository, image: Manifest, digest: str) -> dict[str, list[tuple[str, str]]]:
    """The least mode for every kind of request, written down apart from the code's own table."""
    session = repository.uploads + "0" * 32
    return {
        "pull": [
            ("GET", "/v2/"), ("GET", "/v2/_catalog"), ("GET", f"/v2/{repository.name}/tags/list"),
            ("GET", repository.manifest("latest")), ("HEAD", repository.manifest(image.digest)),
            ("GET", repository.blob(digest)), ("HEAD", repository.blob(digest)),
            ("GET", f"/v2/{repository.name}/referrers/{image.digest}"), ("GET", "/v2/_entrepot/storage/folder"),
        ],
        "push": [
            ("POST", repository.uploads), ("POST", f"{repository.uploads}?digest={digest_of(b'')}"),
            ("POST", f"{repository.uploads}?mount={digest}&from={repository.name}"), ("GET", session),
            ("PATCH", session), ("PUT", f"{session}?digest={digest}"), ("DELETE", session),
            ("PUT", repository.manifest("latest")), ("PUT", repository.manifest(image.digest)),
        ],
        "full": [
            ("DELETE", repository.manifest("latest")), ("DELETE", repository.manifest(image.digest)),
            ("DELETE", repository.blob(digest)),
        ],
    }  # fmt: skip


def test_access(start: Callable[..., Server]) -> None:
    server = start()
    repository = new_repository(server.client)
    image = repository.tag("latest", repository.image())
    requests = table(repository, image, repository.push(b"blob"))
    for mode in MODES:
        assert server.stop() == 0
        server.variables["ENTREPOT_ACCESS_ANONYMOUS"] = mode
        server.start()
        for needed, some in requests.items():
            is_allowed = MODES.index(needed) <= MODES.index(mode)
            for method, target in some:
                body = b"" if method in ("POST", "PUT", "PATCH") else None
                response = server.client.request(method, target, OCTETS, body)
                assert (response.status not in (401, 403)) == is_allowed, (mode, method, target, response)
                assert is_allowed or response.code in ("DENIED", "UNAUTHORIZED")
        still = server.client.get(repository.manifest(image.digest)).status
        assert still == (404 if mode == "full" else 200)


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


def test_a_server_that_follows_on_the_same_folder_reads_the_same(start: Callable[..., Server], tmp_path: Path) -> None:
    one = start()
    repository = new_repository(one.client)
    image = repository.tag("latest", repository.image())
    two = Server(tmp_path / "two-folder")
    two.log_path.parent.mkdir()
    two.root, two.variables = one.root, one.variables
    assert one.stop() == 0
    try:
        two.start()
        assert repository.at(two.client).client.get(repository.manifest("latest")).body == image.payload
    finally:
        two.kill()
