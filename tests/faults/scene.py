"""A server, its record and its clients, for the tests that trouble it in other ways than by a kill."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.client import Client, Judge, never
from tests.faults.load import Load
from tests.faults.oracle import Oracle, damaged_files
from tests.faults.record import Record
from tests.faults.server import Server
from tests.faults.wire import Answer, Wire


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Wait for it; whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not (is_done := done()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_done


class Scene:
    """Use it as a context manager: it leaves no process behind."""

    def __init__(
        self,
        folder: Path,
        seed: str,
        *,
        root: Path | None = None,
        environment: Mapping[str, str] | None = None,
        workers: int = 1,
        prefix: Sequence[str] = (),
    ) -> None:
        self.folder, self.seed = folder, seed
        self.root = root or folder / "root"
        self.record = Record()
        self.server = Server(self.root, folder / "server.log", workers=workers, environment=environment, prefix=prefix)
        self._loads = 0

    def start(self) -> None:
        self.server.start()
        self.server.wait_ready()

    def begin_load(self, judge: Judge = never, clients: int = 3) -> Load:
        """Clients at work until they are joined; each load has repositories of its own."""
        self._loads += 1
        seed = f"{self.seed} {self._loads}"
        load = Load([self.server.port], self.record, seed, clients=clients, epoch=self._loads, judge=judge)
        load.start()
        return load

    def load(self, seconds: float, judge: Judge = never) -> None:
        """Clients at work for so long; what they complain of fails the test."""
        load = self.begin_load(judge)
        time.sleep(seconds)
        load.join()
        self.no_complaints()

    def look(self, *, uploads: bool = True) -> None:
        """Compare the running server with the record."""
        with Wire(self.server.port) as wire:
            oracle = Oracle(self.record, wire)
            problems = oracle.check_all()
            if uploads:
                problems += oracle.check_uploads([upload for upload in self.record.uploads if upload.state != "gone"])
        assert not problems, self.report(problems)

    def ask(self, target: str) -> Answer:
        with Wire(self.server.port) as wire:
            return wire.ask("GET", target)

    @contextmanager
    def client(self, judge: Judge = never) -> Iterator[Client]:
        """A client for single steps, whose complaints fail the test."""
        with Wire(self.server.port) as wire:
            yield Client(9, wire, self.record, random.Random(self.seed), judge)
        self.no_complaints()

    def kill(self) -> None:
        self.server.kill()
        self.record.died()

    def restart(self) -> None:
        """Die and come back."""
        self.kill()
        self.start()

    def settle(self) -> None:
        """The last look of a test: as it stands, after a crash, and at the files."""
        self.look()
        self.restart()
        self.look()
        assert self.server.stop() == 0
        assert damaged_files(self.folder) == []
        found = self.server.tracebacks()
        assert not found, f"the server logged an exception as if it were a defect of its own:\n{found}"

    def no_complaints(self) -> None:
        assert not self.record.complaints, self.report(self.record.complaints)

    def report(self, problems: list[str]) -> str:
        lines = [f"{len(problems)} problems, seed {self.seed}, {json.dumps(self.record.counts)}:", *problems[:15]]
        return "\n".join([*lines, "the end of the server's log:", self.server.tail(2000)])

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.forget()
