"""Files that programs of this machine put in for an upload (docs/api.md, "Files instead of bytes")."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage import paths
from tests.e2e.tools import system_tool
from tests.protocol.client import Client, Response
from tests.protocol.content import OCTETS, Repository, digest_of, new_repository, noise, with_query
from tests.protocol.server import Server, wait_until

FOLDER = "/v2/_entrepot/storage/folder"
DATA = noise(300_000, "links")
DIGEST = digest_of(DATA)


def file_of(folder: Path, data: bytes = DATA) -> Path:
    """A file outside of the registry."""
    file = folder / digest_of(data).rpartition(":")[2]
    file.write_bytes(data)
    file.chmod(0o440)
    return file


def put_in(server: Server, session: str, file: Path) -> Path:
    """Link the file for a session; the link."""
    place = server.root / "storage" / paths.linked(session.rpartition("/")[2].partition(".")[0])
    place.hardlink_to(file)
    return place


def adopt(repository: Repository, session: str, digest: str = DIGEST) -> Response:
    return repository.client.put(with_query(session, digest=digest, adopt="file"))


def proof_of(server: Server) -> dict[str, str]:
    """What shows that the test runs on the server's machine, as its user."""
    told = server.client.get(FOLDER).json()
    assert set(told) == {"read"}
    file = Path(told["read"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert os.readlink(file) == "/memfd:entrepot-proof (deleted)"
    return {"Entrepot-Proof": file.read_text()}


def test_a_client_of_this_machine_is_told_the_folder(server: Server) -> None:
    answer = server.client.get(FOLDER, proof_of(server))
    found = os.stat(server.root / "storage")
    assert answer.json() == {"path": str(server.root / "storage"), "device": found.st_dev, "inode": found.st_ino}
    assert answer.header("cache-control") == "no-store"
    assert server.client.put(FOLDER).status == 405


def test_a_stranger_behind_a_proxy_that_is_ours_is_not(server: Server) -> None:
    """Of the kind of docker-proxy and ssh -L: its socket is root's, and who is behind it is anywhere."""
    content = proof_of(server)["Entrepot-Proof"]
    for tried in (" ", "0" * 64, content[:-1], f"{content}0", content.upper() + "\u00e9"):
        answer = server.client.get(FOLDER, {"Entrepot-Proof": tried})
        assert (answer.status, answer.code) == (404, "UNSUPPORTED")
    answer = server.client.get(FOLDER)
    assert str(server.root) not in answer.body.decode()
    assert content not in answer.body.decode()


def test_every_worker_knows_the_proof(start: Callable[..., Server]) -> None:
    server = start(ENTREPOT_SERVER_WORKERS="2")
    proof = proof_of(server)
    for _ in range(10):
        server.client.close()  # the next request may come to the other worker
        assert server.client.get(FOLDER, proof).status == 200


def test_another_user_cannot_read_the_proof(server: Server) -> None:
    file = server.client.get(FOLDER).json()["read"]
    command = [str(system_tool("busybox")), "cat", file]
    theirs = subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True)
    assert (theirs.returncode, theirs.stdout) == (1, b"")


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_a_client_behind_a_proxy_is_not(server: Server, name: str) -> None:
    answer = server.client.get(FOLDER, {name: "127.0.0.1"})
    assert (answer.status, answer.code) == (404, "UNSUPPORTED")
    assert str(server.root) not in answer.body.decode()


def test_another_user_is_not(server: Server) -> None:
    command = [str(system_tool("busybox")), "wget", "-q", "-O", "-", f"http://127.0.0.1:{server.port}{FOLDER}"]
    ours = subprocess.run(command, capture_output=True)
    assert b'"read"' in ours.stdout
    theirs = subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True)
    assert (theirs.returncode, theirs.stdout) == (1, b"")
    assert b"404" in theirs.stderr


def test_a_file_is_taken_without_its_bytes(server: Server, repository: Repository, tmp_path: Path) -> None:
    server.client.get(FOLDER)
    file, session = file_of(tmp_path), repository.start()
    place = put_in(server, session, file)
    answer = adopt(repository, session)
    assert (answer.status, answer.header("docker-content-digest")) == (201, DIGEST)
    assert answer.header("location") == repository.blob(DIGEST)
    assert server.blob_file(DIGEST).samefile(file)
    assert not place.exists()
    assert repository.client.get(repository.blob(DIGEST)).body == DATA
    assert repository.client.get(session).code == "BLOB_UPLOAD_UNKNOWN"


def test_wrong_bytes_end_the_session(server: Server, repository: Repository, tmp_path: Path) -> None:
    server.client.get(FOLDER)
    file, session = file_of(tmp_path), repository.start()
    place = put_in(server, session, file)
    wrong = digest_of(b"other")
    answer = adopt(repository, session, wrong)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert not place.exists()
    assert file.read_bytes() == DATA
    assert repository.client.get(repository.blob(wrong)).status == 404
    assert repository.client.get(session).code == "BLOB_UPLOAD_UNKNOWN"


def test_a_session_without_a_fit_file_goes_on(server: Server, repository: Repository, tmp_path: Path) -> None:
    server.client.get(FOLDER)
    file, session = file_of(tmp_path), repository.start()
    for made in (False, True):
        if made:
            file.chmod(0o460)
            place = put_in(server, session, file)
        answer = adopt(repository, session)
        assert (answer.status, answer.code) == (400, "BLOB_UPLOAD_INVALID")
        assert str(server.root) not in answer.body.decode()
    assert repository.client.put(with_query(session, digest=DIGEST, adopt="file"), b"x").code == "BLOB_UPLOAD_INVALID"
    assert repository.client.patch(session, DATA, OCTETS).status == 202
    file.chmod(0o440)
    assert adopt(repository, session).code == "BLOB_UPLOAD_INVALID"  # it holds bytes
    assert repository.close(session, DIGEST).status == 201
    assert not server.blob_file(DIGEST).samefile(file)
    place.unlink()


def test_cancelling_removes_the_link(server: Server, repository: Repository, tmp_path: Path) -> None:
    server.client.get(FOLDER)
    file, session = file_of(tmp_path), repository.start()
    place = put_in(server, session, file)
    assert repository.client.delete(session).status == 204
    assert not place.exists()
    assert file.read_bytes() == DATA


def test_many_at_once(server: Server, client: Client, tmp_path: Path) -> None:
    """Some push the same bytes, to several repositories; every one is there, and nothing is left."""
    server.client.get(FOLDER)
    blobs = [noise(100_000, number) for number in range(4)] * 4
    files = {data: file_of(tmp_path, data) for data in blobs}
    repositories = [new_repository(client) for _ in range(4)]

    def push(number: int) -> int:
        data, own = blobs[number], Client("127.0.0.1", server.port)
        repository = repositories[number // 4].at(own)
        session = repository.start()
        put_in(server, session, files[data])
        status = adopt(repository, session, digest_of(data)).status
        own.close()
        return status

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(push, range(16))) == [201] * 16
    for repository in repositories:
        for data in blobs[:4]:
            assert repository.client.get(repository.blob(digest_of(data))).body == data
    for data, file in files.items():
        assert server.blob_file(digest_of(data)).samefile(file)
        assert file.stat().st_nlink == 2
    assert list((server.root / "storage" / paths.LINKED).iterdir()) == []


def test_a_client_that_is_killed_leaves_a_link_that_expires(start: Callable[..., Server], tmp_path: Path) -> None:
    server = start(ENTREPOT_UPLOADS_EXPIRE_AFTER="1s")
    server.client.get(FOLDER)
    file, repository = file_of(tmp_path), new_repository(server.client)
    place = put_in(server, repository.start(), file)
    wait_until(lambda: not place.exists(), 15, "the link stays")
    orphan = put_in(server, "/" + "0" * 32, file)  # of a session that nobody remembers
    wait_until(lambda: not orphan.exists(), 15, "the link without a session stays")
    assert (file.read_bytes(), file.stat().st_nlink) == (DATA, 1)


def test_it_can_be_switched_off_and_is_for_those_who_may_push(start: Callable[..., Server], tmp_path: Path) -> None:
    off = start(ENTREPOT_STORAGE_LINKS="false")
    assert off.client.get(FOLDER).code == "UNSUPPORTED"
    assert not (off.root / "storage" / paths.LINKED).exists()
    repository = new_repository(off.client)
    session = repository.start()
    assert adopt(repository, session).code == "BLOB_UPLOAD_INVALID"
    assert repository.close(session, digest_of(b"x"), b"x").status == 201
    reading = start(ENTREPOT_ACCESS_ANONYMOUS="pull")
    assert reading.client.get(FOLDER).status == 200
    repository = new_repository(reading.client)
    session = repository.uploads + "0" * 32
    put_in(reading, session, file_of(tmp_path))
    assert adopt(repository, session).code == "DENIED"
