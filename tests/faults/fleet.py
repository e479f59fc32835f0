"""Replicas over one database and one bucket, their record and their clients."""

import json
import random
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.faults.client import Client, Judge, never
from tests.faults.load import Load, Pusher
from tests.faults.oracle import Oracle
from tests.faults.record import Record
from tests.faults.server import Server
from tests.faults.wire import Wire
from tests.s3.servers import S3Server, make_bucket

# What the replicas of a test are told on top of where their database and their bucket are: no second is wasted.
QUICK = {
    "ENTREPOT_S3_ATTEMPTS": "3",
    "ENTREPOT_S3_TIMEOUT": "1s",
    "ENTREPOT_S3_PART_SIZE": "5MiB",
    "ENTREPOT_S3_REDIRECT": "false",
    "ENTREPOT_ACCESS_ANONYMOUS": "full",
}


def settings(database: str, storage: S3Server, endpoint: str = "") -> dict[str, str]:
    """The variables of replicas over this new database and a bucket of its own, which they reach at the endpoint."""
    bucket = f"registry-{secrets.token_hex(4)}"
    make_bucket(storage, bucket)
    return QUICK | {
        "ENTREPOT_DATABASE_URL": database,
        "ENTREPOT_STORAGE_DRIVER": "s3",
        "ENTREPOT_S3_BUCKET": bucket,
        "ENTREPOT_S3_ENDPOINT": endpoint or storage.endpoint,
        "ENTREPOT_S3_ADDRESSING": "path",
        "ENTREPOT_S3_REGION": storage.region,
        "ENTREPOT_S3_ACCESS_KEY": storage.access_key,
        "ENTREPOT_S3_SECRET_KEY": storage.secret_key,
    }


class Fleet:
    """Use it as a context manager: it leaves no process behind."""

    def __init__(
        self, folder: Path, seed: str, environment: Mapping[str, str], *, replicas: int = 2, workers: int = 1
    ) -> None:
        self.folder, self.seed = folder, seed
        self.rng = random.Random(f"fleet {seed}")
        self.record = Record()
        self.servers = [self._server(number, workers, environment) for number in range(replicas)]
        self._loads = 0

    def _server(self, number: int, workers: int, environment: Mapping[str, str]) -> Server:
        folder = self.folder / f"replica-{number}"
        folder.mkdir(parents=True)
        return Server(folder / "root", folder / "server.log", workers=workers, environment=environment)

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    def start(self) -> None:
        """All at once: one of them makes the tables."""
        for server in self.servers:
            server.start()
        self.wait_ready()

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Until every replica says that it is ready."""
        for server in self.servers:
            server.wait_ready(seconds)

    def kill_and_restart(self, server: Server, pause: float = 0.0) -> None:
        """SIGKILL to the whole replica; the others serve on meanwhile."""
        server.kill()
        time.sleep(pause)
        server.start()
        server.wait_ready()

    @contextmanager
    def loaded(
        self,
        judge: Judge = never,
        clients: int = 3,
        *,
        outlives: bool = False,
        lossy: bool = False,
        pusher: type[Pusher] = Pusher,
    ) -> Iterator[Load]:
        """Clients at work on all replicas meanwhile, whose complaints fail the test; with repositories of their own."""
        self._loads += 1
        seed = f"{self.seed} {self._loads}"
        load = Load(
            self.ports, self.record, seed, clients, self._loads, judge, outlives=outlives, lossy=lossy, pusher=pusher
        )
        load.start()
        try:
            yield load
        finally:
            load.join()
        self.no_complaints()

    def look(self, *, uploads: bool = True) -> None:
        """Compare the running replicas with the record; the oracle's requests go to all of them in turn."""
        # Nobody asks any more, and every answer has come or never will: what was lost can be carried out no more.
        self.record.died()
        with Wire(*self.ports) as wire:
            oracle = Oracle(self.record, wire)
            problems = oracle.check_all()
            if uploads:
                problems += oracle.check_uploads([upload for upload in self.record.uploads if upload.state != "gone"])
        assert not problems, self.report(problems)

    @contextmanager
    def client(self, judge: Judge = never) -> Iterator[Client]:
        """A client for single steps, whose complaints fail the test."""
        with Wire(*self.ports) as wire:
            yield Client(9, wire, self.record, self.rng, judge)
        self.no_complaints()

    def no_complaints(self) -> None:
        assert not self.record.complaints, self.report(self.record.complaints)

    def no_tracebacks(self) -> None:
        for server in self.servers:
            found = server.tracebacks()
            assert not found, f"a replica logged an exception as if it were a defect of its own:\n{found}"

    def stop(self) -> None:
        """As an operator stops them; none may have failed of its own."""
        assert [server.stop() for server in self.servers] == [0] * len(self.servers)
        self.no_tracebacks()

    def report(self, problems: list[str]) -> str:
        counts = json.dumps(dict(sorted(self.record.counts.items())))
        lines = [f"{len(problems)} problems, seed {self.seed}, {counts}:", *problems[:15]]
        tails = [f"the end of replica {n}'s log:\n{server.tail(1500)}" for n, server in enumerate(self.servers)]
        return "\n".join([*lines, *tails])

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.forget()
