"""A running registry moves from files and SQLite to S3 and PostgreSQL and back: byte for byte, under pushes, killed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from registry.metadata import schema
from tests.cli.entrepot import COMMAND, ENVIRONMENT, refused, run
from tests.cli.sides import LARGE, PATIENCE, Side, check, contents, copy, fill, keys, pushing
from tests.databases import rows
from tests.protocol.content import Repository, digest_of, noise
from tests.protocol.server import Server
from tests.s3.servers import S3Server


def test_there_and_back_under_pushes(small: Side, large: Side, running: Server) -> None:
    pushed = fill(running.client)
    with pushing(running, pushed) as pusher:
        assert "blobs are at the destination" in copy("storage", small, large)
        said = copy("db", small, large)
        pusher.join(PATIENCE)
    assert pusher.count > 0
    assert "is being moved and takes no changes" in pusher.refusal
    assert "events: " in said
    pushed.is_all_in(running.client)  # pulls go on
    assert contents(small) == contents(large)

    there = large.server()
    try:
        there.start()
        pushed.is_all_in(there.client)
        newest = max(id for (id,) in rows(large.url, "SELECT id FROM events"))
        pushed.image(Repository(there.client, "team-new/app"), "new")
        pushed.blob(Repository(there.client, "team-new/app"), noise(LARGE, "large too"))
        assert rows(large.url, "SELECT count(*) FROM events WHERE id > ?", newest)[0][0] >= 5  # under ids of their own
        assert "say --replace" in refused("db", "copy", "--config", large.file, "--to", small.file, code=1)
        pushed.blob(Repository(there.client, "team-new/app"), b"not refused after a refused copy")
        running.stop()
        copy("db", large, small, "--replace")
    finally:
        there.kill()
    assert contents(small) == contents(large)
    running.start()
    pushed.is_all_in(running.client)
    pushed.image(Repository(running.client, "team-back/app"), "back")  # it takes changes again
    pushed.is_all_in(running.client)


def test_what_cannot_be_copied_is_said_in_one_line(small: Side, large: Side) -> None:
    to = ("--to", large.file)
    assert "has no tables of a registry" in refused("storage", "copy", "--config", small.file, *to, code=1)
    (small.folder / "root").mkdir()
    schema.upgrade(small.url)
    assert "is not the storage of a registry" in refused("storage", "copy", "--config", small.file, *to, code=1)
    same = ("--config", small.file, "--to", small.file)
    assert "have the same storage" in refused("storage", "copy", *same, code=2)
    assert "have the same database" in refused("db", "copy", *same, code=2)
    memory = ("--config", small.file, "--to", small.file)
    Path(small.file).write_text('[storage]\ndriver = "memory"\n')
    assert "storage in memory" in refused("storage", "copy", *memory, code=2)


def test_a_damaged_blob_is_named_and_the_source_goes_on(small: Side, large: Side, running: Server) -> None:
    pushed = fill(running.client, 4)
    broken = digest_of(noise(700, 1))
    running.blob_file(broken).write_bytes(noise(700, "other"))
    for verb in ("storage", "db"):
        done = run(verb, "copy", "--config", small.file, "--to", large.file)
        assert done.returncode == 1, done
        assert f"blob {broken} was not copied: the bytes are sha256:" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("entrepot: 1 blobs were not copied")
    pushed.blob(Repository(running.client, "team-1/app"), noise(700, 1))  # changes are taken, and it is whole again
    copy("db", small, large)
    check(large, pushed)


def test_killed_while_it_copies_blobs_it_goes_on(small: Side, large: Side, running: Server, s3: S3Server) -> None:
    pushed = fill(running.client, 60)
    command = [*COMMAND, "storage", "copy", "--config", small.file, "--to", large.file, "--threads", "1"]
    killed = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while len(keys(s3, large)) < 20 and killed.poll() is None:
        assert time.monotonic() < end
    killed.kill()
    assert killed.wait() == -9
    there = len(keys(s3, large))
    said = copy("storage", small, large)
    total, copied = (int(word) for word in said.replace(",", "").split() if word.isdigit())
    assert 0 < copied <= total - there + 3, said  # one more may have come, the mark and a note are no blobs
    assert f"{total} blobs are at the destination, 0 of them" in copy("storage", small, large)
    copy("db", small, large)
    check(large, pushed)


def test_killed_in_the_moment_it_lapses_and_can_be_begun_anew(small: Side, large: Side, running: Server) -> None:
    pushed = fill(running.client)
    command = [*COMMAND, "db", "copy", "--config", small.file, "--to", large.file]
    killed = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    for line in killed.stdout:
        if "takes no changes from now on" in line:
            break
    killed.kill()
    killed.communicate()
    one = Repository(running.client, "team-0/app")
    assert running.client.post(f"{one.uploads}?digest={digest_of(b'x')}", b"x").status == 503
    assert running.client.get("/readyz").status == 200
    [(until,)] = rows(small.url, "SELECT at FROM probes WHERE name = 'frozen'")
    assert 0 < until - time.time() * 1000 <= 30_000
    soon = int(time.time() * 1000) + 300  # and not half a minute
    rows(small.url, "UPDATE probes SET at = ? WHERE name = 'frozen'", soon)
    while time.time() * 1000 <= soon:
        time.sleep(0.05)
    pushed.blob(one, b"it takes changes again")
    assert rows(large.url, "SELECT count(*) FROM events") == [(0,)]  # nothing of it is there
    copy("db", small, large)
    check(large, pushed)
    assert running.client.post(f"{one.uploads}?digest={digest_of(b'x')}", b"x").status == 503
    assert "takes changes again" in run("db", "writable", "--config", small.file).stdout
    one.push(b"x")
