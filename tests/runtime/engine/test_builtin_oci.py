"""Our own OCI runtime as a monitor has it: created in a fork, started and deleted without another program."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.engine import clearing, frames, locks, runtimes
from runtime.engine.errors import StartFailed
from runtime.engine.machine import Machine
from tests.runtime.engine.bundles import Bundle
from tests.runtime.engine.conftest import Make
from tests.runtime.engine.test_monitor import attached, collect, until

OURS = runtimes.find("entrepot-oci")
LOOK = "cat /proc/self/status; ls -l /proc/self/fd; env"
AHEAD = """
import os, sys
from runtime.engine import frames
from runtime.engine import prefork
from runtime.engine.launch import launch
from runtime.engine.paths import Paths
paths = Paths(sys.argv[1], sys.argv[2])
prefork.begin()
of = paths.of(sys.argv[3])
with launch(of).go(of.plan) as connection:
    pid = connection.started()
    print(pid, flush=True)
    sys.stdin.read()
"""


def plan(**more: object) -> dict[str, Any]:
    """A plan on our own runtime."""
    return {"runtime": [OURS], "ours": True, **more}


def test_only_what_was_installed_with_us_is_ours(tmp_path: Path) -> None:
    other = tmp_path / "entrepot-oci"
    other.symlink_to(OURS)
    assert runtimes.is_ours(OURS)
    assert not runtimes.is_ours(str(other))
    assert not runtimes.is_ours("")


def test_a_container_has_nothing_of_the_monitor(bundle: Make) -> None:
    made = bundle("sh", "-c", LOOK)
    with attached(made, **plan()) as connection:
        connection.started()
        output, end = collect(connection)
    said = output[frames.STDOUT].decode()
    assert end["code"] == 0
    ignored = next(int(line.split()[1], 16) for line in said.splitlines() if line.startswith("SigIgn"))
    assert not ignored & sum(1 << (number - 1) for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGINT))
    assert len([line for line in said.splitlines() if "->" in line]) == 3  # and the folder ls reads, gone by then
    assert locks.until_free(made.of.monitor, 5)
    assert not Path(made.paths.oci, made.id).exists()
    assert not groups(made)


def test_a_restart_makes_a_new_fork(bundle: Make) -> None:
    made = bundle("sh", "-c", "exit 4")
    with attached(made, **plan(restart={"name": "on-failure", "maximum": 2})) as connection:
        connection.started()
        kind, end = connection.until(frames.EXITED)
        while end["again"]:
            kind, end = connection.until(frames.EXITED)
    assert (kind, end["code"]) == (frames.EXITED, 4)
    assert locks.until_free(made.of.monitor, 5)
    assert made.state().restarts == 2


def test_what_cannot_be_started_is_told_with_its_code_and_gone(bundle: Make) -> None:
    made = bundle("nothing-here")
    with made.start(**plan()) as connection, pytest.raises(StartFailed) as failed:
        connection.started()
    assert failed.value.code == 127
    assert locks.until_free(made.of.monitor, 5)
    assert not Path(made.paths.oci, made.id).exists()


@pytest.mark.parametrize("known", [True, False])
def test_what_a_dead_monitor_has_left_is_ended(bundle: Make, known: bool) -> None:
    made = bundle("sleep", "100")
    create = [OURS, "--root", made.paths.oci, "create", "--bundle", made.of.bundle, "--pid-file", made.of.pid_file]
    subprocess.run([*create, made.id], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    left = Path(made.paths.oci, made.id)
    first = Path("/proc", Path(made.of.pid_file).read_text())
    assert first.exists()
    if not known:
        (left / "state.json").unlink()  # as if it had been killed before it wrote that down
    clearing.clear(Machine(Path(made.paths.root), Path(made.paths.run)), made.id)
    until(lambda: not first.exists() or ") Z " in (first / "stat").read_text())
    assert not left.exists()
    assert not groups(made)


def test_a_monitor_begun_ahead_has_nothing_of_its_command(bundle: Make) -> None:
    made = bundle("sleep", "100")
    Path(made.of.plan).write_text(json.dumps({**made.plan, **plan()}))
    read, write = os.pipe()
    words = [sys.executable, "-c", AHEAD, made.paths.root, made.paths.run, made.id]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[write],
        env={**os.environ, "SECRET": "known"},
        text=True,
    ) as command:
        os.close(write)
        assert command.stdout is not None
        first = int(command.stdout.readline())
        monitor = Path(f"/proc/{parent(first)}")
        assert (monitor / "cmdline").read_bytes().strip(b"\0") == b"entrepot-mon"
        assert os.getsid(int(monitor.name)) == int(monitor.name)
        assert b"SECRET" not in Path(f"/proc/{first}/environ").read_bytes()
        command.kill()
        command.wait(10)
    assert os.read(read, 1) == b""  # nobody has the other end any more
    assert locks.is_held(made.of.monitor)
    os.kill(first, signal.SIGKILL)
    assert locks.until_free(made.of.monitor, 5)
    os.close(read)


def test_a_monitor_that_gets_no_container_ends_with_its_command() -> None:
    code = "from runtime.engine import prefork; prefork.begin(); print(open('/proc/thread-self/children').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    monitor = Path("/proc", done.stdout.strip())
    assert monitor.name.isdigit()
    until(lambda: not monitor.exists() or ") Z " in (monitor / "stat").read_text())


def groups(made: Bundle) -> list[Path]:
    """The control groups it has."""
    return list(Path("/sys/fs/cgroup").glob(f"*/entrepot-test/{made.id}"))


def parent(pid: int) -> int:
    """Of a process; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
