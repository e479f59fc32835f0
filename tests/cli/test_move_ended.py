"""A move that is interrupted, or meets damaged blobs or a full disk, says so; and the same command goes on."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.entrepot import COMMAND, ENVIRONMENT, run
from tests.cli.sides import PATIENCE, Pushed, Side, check, copy, fill, keys
from tests.databases import rows
from tests.faults.content import KIB, MIB
from tests.faults.disk import Disk
from tests.faults.oracle import damaged_files
from tests.protocol.content import Repository, digest_of, noise
from tests.protocol.server import Server
from tests.s3.servers import S3Server


def begun(verb: str, source: Side, destination: Side, *more: str) -> subprocess.Popen[str]:
    command = [*COMMAND, verb, "copy", "--config", source.file, "--to", destination.file, *more]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def failed(verb: str, source: Side, destination: Side, *more: str, code: int) -> str:
    """Its last words, which are one line."""
    done = run(verb, "copy", "--config", source.file, "--to", destination.file, *more)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("entrepot: ")
    return last


def count_of(said: str) -> int:
    """How many blobs it says are at the destination."""
    found = re.search(r"(\d+) blobs are at the destination", said)
    assert found, said
    return int(found[1])


def test_damaged_blobs_are_left_out_when_that_is_asked_for(small: Side, large: Side, running: Server) -> None:
    pushed = fill(running.client, 6)
    flipped, short, gone = (digest_of(noise(700, number)) for number in (1, 2, 4))
    running.blob_file(flipped).write_bytes(noise(700, "other"))
    running.blob_file(short).write_bytes(b"short")
    running.blob_file(gone).unlink()
    said = failed("storage", small, large, code=1)
    assert "3 blobs were not copied, named above" in said
    assert "left out with --skip-damaged" in said
    for verb in ("storage", "db"):
        done = run(verb, "copy", "--config", small.file, "--to", large.file, "--skip-damaged")
        assert done.returncode == 3, done
        for digest in (flipped, short, gone):
            assert done.stderr.count(f"blob {digest} was skipped: ") == 1
        assert "entrepot: all but 3 damaged blobs were copied" in done.stderr.splitlines()[-1]
    assert "start the other: entrepot serve" in done.stdout
    lost = {key: pushed.blobs.pop(key) for key in list(pushed.blobs) if key[1] in (flipped, short, gone)}
    server = large.server()
    try:
        pushed.is_all_in(server.start().client)
        for (name, digest), data in lost.items():
            there = Repository(server.client, name)
            assert server.client.head(there.blob(digest)).status == 404  # nothing is promised that is not there
            pushed.blob(there, data)
        pushed.is_all_in(server.client)
    finally:
        server.kill()


def test_interrupted_while_it_copies_blobs_it_goes_on(small: Side, large: Side, running: Server, s3: S3Server) -> None:
    pushed = fill(running.client, 60)
    interrupted = begun("storage", small, large, "--threads", "2")
    end = time.monotonic() + PATIENCE
    while len(keys(s3, large)) < 20 and interrupted.poll() is None:
        assert time.monotonic() < end
    interrupted.send_signal(signal.SIGINT)
    out, error = interrupted.communicate(timeout=10)
    assert interrupted.returncode == 130, (out, error)
    assert error.startswith("entrepot: interrupted; ")
    assert error.endswith(" blobs are at the destination; the same command goes on from there\n")
    there = count_of(error)
    assert there > 10
    said = copy("storage", small, large)
    total, copied = (int(word) for word in re.findall(r"\d+", said.splitlines()[-1]))
    assert 0 < copied <= total - there, said
    copy("db", small, large)
    check(large, pushed)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1])
def test_interrupted_in_the_moment_all_is_as_before_or_done(
    small: Side, large: Side, running: Server, delay: float
) -> None:
    """Never a registry that takes no changes and was not moved, nor one that was moved and takes them."""
    pushed = fill(running.client)
    interrupted = begun("db", small, large)
    assert interrupted.stdout is not None
    for line in interrupted.stdout:
        if "takes no changes from now on" in line:
            break
    time.sleep(delay)
    interrupted.send_signal(signal.SIGINT)
    _, error = interrupted.communicate(timeout=20)
    one = Repository(running.client, "team-0/app")
    answer = running.client.post(f"{one.uploads}?digest={digest_of(b'x')}", b"x")
    if interrupted.returncode == 0:
        assert answer.status == 503
    else:
        assert (interrupted.returncode, answer.status) == (130, 201), error
        assert error == (
            "entrepot: interrupted; the registry takes changes again, the same command copies its database anew\n"
        )
        assert rows(large.url, "SELECT count(*) FROM events") == [(0,)]
        copy("db", small, large)
    check(large, pushed)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with Disk(tmp_path, 32 * MIB) as mounted:
        yield mounted


@pytest.fixture
def on_disk(disk: Disk) -> Side:
    """A registry with everything on a small disk."""
    folder = disk.path / "small"
    return Side(folder, f"sqlite:///{folder}/root/entrepot.db").written()


@pytest.mark.faults
def test_a_full_destination_is_said_and_gone_on_with(small: Side, on_disk: Side, running: Server, disk: Disk) -> None:
    pushed = Pushed()
    one = Repository(running.client, "team-0/app")
    for number in range(12):
        pushed.blob(one, noise(400 * KIB, number))
    pushed.image(one, "image")
    copy("storage", small, on_disk)  # its folders and tables
    for number in range(12, 24):
        pushed.blob(one, noise(400 * KIB, number))
    disk.fill(leave=2 * MIB)
    said = failed("storage", small, on_disk, code=1)
    assert "the destination is full; " in said
    assert "make room and go on with the same command (no space for docker/" in said
    there = count_of(said)
    assert damaged_files(disk.path) == []
    assert not [path for path in disk.path.rglob("_uploads/**/*") if path.is_file()]  # nothing takes what room is left
    disk.release()
    assert count_of(copy("storage", small, on_disk)) == 26 > there
    disk.fill()
    assert "full" in failed("db", small, on_disk, code=1)
    pushed.blob(one, b"it takes changes again")
    disk.release()
    copy("db", small, on_disk)
    check(on_disk, pushed)
