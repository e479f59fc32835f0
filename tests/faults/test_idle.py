"""A server that nothing is asked of does nothing: counted in system calls, CPU time, and trips to its database."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.postgres.relay import relay
from tests.postgres.server import shared
from tests.protocol.content import OCTETS, new_repository
from tests.protocol.server import Server, running, wait_until
from tests.protocol.test_workers import children

WORKERS = 2
SECONDS = 8.0

WAKE = re.compile(r"epoll_p?wait.*, 1024, ([1-9]\d*|-1), NULL, 8\)")
"""A wait of the event loop that waits; with 0 milliseconds it only looks."""

SLEEPS = frozenset({"clock_nanosleep", "nanosleep", "futex", "poll", "ppoll", "select", "pselect6", "rt_sigtimedwait"})
CHANGES = frozenset({"write", "pwrite64", "writev", "pwritev", "fsync", "fdatasync", "syncfs", "sync_file_range"}) | {
    *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "unlink", "unlinkat", "link", "linkat"),
    *("truncate", "ftruncate", "fallocate", "utimensat"),
}


def still(root: Path) -> Callable[[], bool]:
    """Whether no file of a server has changed for some seconds."""
    last = [time.monotonic()]
    seen: list[object] = [None]

    def is_still() -> bool:
        files = [(str(path), path.stat().st_mtime_ns) for path in sorted(root.rglob("*")) if path.exists()]
        if files != seen[0]:
            last[0], seen[0] = time.monotonic(), files
        return time.monotonic() - last[0] > 3

    return is_still


def used(pids: list[int]) -> float:
    """Seconds of CPU that processes have used, to the nanosecond."""
    schedules = [path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(int(path.read_text().split()[0]) for path in schedules) / 1e9


@pytest.fixture
def variables() -> dict[str, str]:
    return {"ENTREPOT_SERVER_WORKERS": str(WORKERS)}


def an_upload_and_an_image(server: Server) -> None:
    """What a registry in use has: blobs, tags, and a session that its client has left open."""
    repository = new_repository(server.client)
    repository.put("latest", repository.image(1))
    repository.client.patch(repository.start(), b"some bytes", OCTETS)
    server.client.close()


def test_an_idle_server_sleeps_and_writes_nothing(tmp_path: Path, variables: dict[str, str]) -> None:
    with running(tmp_path, variables) as server:
        an_upload_and_an_image(server)
        wait_until(still(server.root), 60, "the server does not come to rest")
        pids = [server.process.pid, *children(server.process.pid)]
        assert len(pids) == WORKERS + 1
        before = used(pids)
        time.sleep(SECONDS)
        assert (used(pids) - before) / SECONDS / WORKERS < 0.001
        with ExitStack() as stack:
            logs = [tmp_path / f"{pid}.strace" for pid in pids]
            tracers = [
                stack.enter_context(subprocess.Popen(["strace", "-f", "-qq", "-o", str(log), "-p", str(pid)]))
                for pid, log in zip(pids, logs, strict=True)
            ]
            time.sleep(SECONDS)
            for tracer in tracers:
                tracer.terminate()
        for log in logs:
            made = counted(log)
            assert not [name for name in made if name in CHANGES], made
            assert len(WAKE.findall(log.read_text())) <= SECONDS / 2, made
            assert sum(made[name] for name in SLEEPS) <= SECONDS / 2, made


def counted(log: Path) -> Counter[str]:
    """System calls by name."""
    lines = (line.split(None, 1)[1] for line in log.read_text().splitlines())
    return Counter(line.partition("(")[0] for line in lines if line[0].islower())


def test_an_idle_server_asks_its_database_next_to_nothing(tmp_path: Path, variables: dict[str, str]) -> None:
    with relay(shared().port) as between:
        url = shared().new_database().replace(f":{shared().port}/", f":{between.port}/")
        with running(tmp_path, variables | {"ENTREPOT_DATABASE_URL": url}) as server:
            an_upload_and_an_image(server)
            time.sleep(6)
            pids = children(server.process.pid)
            trips, before = between.trips, used(pids)
            time.sleep(SECONDS)
            assert between.trips - trips <= WORKERS * SECONDS / 2
            assert (used(pids) - before) / SECONDS / WORKERS < 0.001
