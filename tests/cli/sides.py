"""Both sides of a move: registries by their configuration files, what was pushed to one, and what is at the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.entrepot import run
from tests.databases import rows
from tests.protocol.client import Client
from tests.protocol.content import Manifest, Repository, digest_of, noise
from tests.protocol.server import Server
from tests.s3.registry import PART
from tests.s3.servers import S3Server, client

LARGE = PART + 4321
"""Bytes of a blob that goes out in parts, and so lies at a place of its own."""

PATIENCE = 40.0


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
