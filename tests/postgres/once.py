"""What was committed is not run again, what was acknowledged is there: writers whose server is cut off meanwhile."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable

from registry.metadata import events, repositories
from registry.metadata.database import Database
from registry.metadata.errors import DatabaseUnavailable
from registry.metadata.session import Session


def written_once(
    database: Database, cut: Callable[[], object], *, writers: int, seconds: float, pauses: tuple[float, float]
) -> int:
    """Write with so many threads for so long, cut off after each pause; how many writes were acknowledged.

    Fails when a write is run after its commit, or one that was acknowledged is not there.
    """
    done: list[str] = []
    twice: list[str] = []
    end = time.monotonic() + seconds

    def write(worker: int) -> None:
        for number in range(1_000_000):
            if time.monotonic() > end:
                return
            name = f"{worker}/{number}"

            def once(s: Session, name: str = name) -> None:
                if repositories.find(s, name) is not None:
                    twice.append(name)
                repositories.ensure(s, name, 1)
                events.append(s, "tag.moved", name)

            with contextlib.suppress(DatabaseUnavailable):
                database.write_now(once)
                done.append(name)

    workers = [threading.Thread(target=write, args=(worker,)) for worker in range(writers)]
    for worker in workers:
        worker.start()
    rng = random.Random(1)
    while time.monotonic() < end:
        time.sleep(rng.uniform(*pauses))
        cut()
    for worker in workers:
        worker.join()
    assert not twice
    assert all(database.read_now(lambda s: repositories.find(s, name)) for name in done)  # noqa: B023
    return len(done)
