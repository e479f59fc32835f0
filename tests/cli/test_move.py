"""A running registry moves from files and SQLite to S3 and PostgreSQL and back: byte for byte, under pushes, killed."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from registry.metadata import schema
from tests.cli.entrepot import COMMAND, ENVIRONMENT, refused, run
from tests.databases import rows
from tests.postgres.server import shared
from tests.protocol.client import Client
from tests.protocol.content import Manifest, Repository, digest_of, noise
from tests.protocol.server import Server
from tests.s3.registry import PART
from tests.s3.servers import S3Server, bucket_settings, client, gateway

LARGE = PART + 4321
"""Bytes of a blob that goes out in parts, and so lies at a place of its own."""

PATIENCE = 40.0


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with gateway(tmp_path_factory.mktemp("gateway")) as server:
        yield server


@dataclass
class Side:
    """A registry by its configuration file."""

    folder: Path
    url: str
    storage: str = ""
    bucket: str = ""

    @property
    def file(self) -> str:
        return str(self.folder / "entrepot.toml")

    def written(self) -> Side:
        self.folder.mkdir()
        Path(self.file).write_text(
            f'[server]\nroot = "{self.folder / "root"}"\nworkers = 2\n[database]\nurl = "{self.url}"\n{self.storage}'
        )
        return self

    def server(self) -> Server:
        """One that goes by the file alone."""
        server = Server(self.folder)
        server.variables = {"ENTREPOT_CONFIG": self.file}
        return server


@pytest.fixture
def small(tmp_path: Path) -> Side:
    return Side(tmp_path / "small", f"sqlite:///{tmp_path}/small/root/entrepot.db").written()


@pytest.fixture
def large(tmp_path: Path, s3: S3Server) -> Side:
    settings = bucket_settings(s3, part_size=PART, redirect=False)
    lines = [f"{name} = {value!r}".replace("False", "false") for name, value in settings.items()]
    storage = '[storage]\ndriver = "s3"\n[s3]\n' + "\n".join(lines) + "\n"
    return Side(tmp_path / "large", shared().empty_database(), storage, str(settings["bucket"])).written()


@pytest.fixture
def running(small: Side) -> Iterator[Server]:
    server = small.server()
    try:
        yield server.start()
    finally:
        server.kill()


@dataclass
class Pushed:
    """All that a registry has said it has."""

    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    tags: dict[tuple[str, str], Manifest] = field(default_factory=dict)

    def blob(self, repository: Repository, data: bytes) -> None:
        self.blobs[repository.name, repository.push(data)] = data

    def image(self, repository: Repository, seed: object) -> None:
        manifest = repository.image(seed)
        repository.tag(f"v{seed}", manifest)
        self.tags[repository.name, f"v{seed}"] = manifest
        self.blobs[repository.name, digest_of(noise(700, seed))] = noise(700, seed)

    def is_all_in(self, registry: Client) -> None:
        """Byte for byte."""
        for (name, digest), data in self.blobs.items():
            assert registry.get(Repository(registry, name).blob(digest)).body == data, digest
        for (name, tag), manifest in self.tags.items():
            answer = registry.get(Repository(registry, name).manifest(tag))
            assert (answer.status, answer.body) == (200, manifest.payload)


def fill(registry: Client, images: int = 12) -> Pushed:
    """A few of everything."""
    pushed = Pushed()
    for number in range(images):
        pushed.image(Repository(registry, f"team-{number % 3}/app"), number)
    one = Repository(registry, "team-0/app")
    pushed.blob(one, noise(LARGE, "large"))
    pushed.blob(one, b"")
    assert one.push(b"by another algorithm", "sha512").startswith("sha512:")
    subject = pushed.tags["team-0/app", "v0"].descriptor()
    one.tag("signed", one.artifact(subject))
    assert registry.delete(one.manifest("v3")).status == 202
    del pushed.tags["team-0/app", "v3"]
    return pushed


def copy(verb: str, source: Side, destination: Side, *more: str) -> str:
    done = run(verb, "copy", "--config", source.file, "--to", destination.file, *more)
    assert done.returncode == 0, done
    return done.stdout


def contents(side: Side) -> dict[str, list[tuple[object, ...]]]:
    """What is the same on both sides."""
    tables = ("repositories", "repository_blobs", "manifests", "tags", "tag_history", "events")
    return {table: sorted(rows(side.url, f"SELECT * FROM {table}"), key=repr) for table in tables}


class Pusher(threading.Thread):
    """Pushes until it is refused as the registry is being moved, or told to stop."""

    def __init__(self, port: int, pushed: Pushed) -> None:
        super().__init__()
        self.client = Client("127.0.0.1", port)
        self.pushed = pushed
        self.refusal = ""
        self.count = 0
        self.stop = threading.Event()

    def run(self) -> None:
        try:
            self.push()
        finally:
            self.client.close()  # a connection of this thread

    def push(self) -> None:
        """Push until then."""
        repository = Repository(self.client, "team-busy/app")
        while not self.stop.is_set():
            data = noise(3000, f"busy {self.count}")
            answer = self.client.post(f"{repository.uploads}?digest={digest_of(data)}", data)
            if answer.status != 201:
                assert (answer.status, answer.code, answer.get("retry-after")) == (503, "UNAVAILABLE", "10"), answer
                self.refusal = str(answer.json())
                return
            self.pushed.blobs[repository.name, digest_of(data)] = data
            self.count += 1
            self.stop.wait(0.005)


@contextmanager
def pushing(server: Server, pushed: Pushed) -> Iterator[Pusher]:
    """One that is stopped at the end, come what may."""
    pusher = Pusher(server.port, pushed)
    pusher.start()
    try:
        yield pusher
    finally:
        pusher.stop.set()
        pusher.join(PATIENCE)


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


def keys(s3: S3Server, side: Side) -> list[str]:
    """Of all objects in its bucket."""
    return [one["Key"] for one in client(s3).list_objects_v2(Bucket=side.bucket).get("Contents", ())]


def check(side: Side, pushed: Pushed) -> None:
    """It is all at that side, and served from there."""
    server = side.server()
    try:
        pushed.is_all_in(server.start().client)
    finally:
        server.kill()
