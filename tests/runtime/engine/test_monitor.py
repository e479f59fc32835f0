"""The monitor of a container, with the real runc: streams, log, exit codes, restarts, health, signals."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.engine import frames, locks
from runtime.engine.connection import Connection, connect
from runtime.engine.errors import MonitorLost, StartFailed
from tests.runtime.engine.bundles import Bundle
from tests.runtime.engine.conftest import Make


def until(what: Callable[[], object], seconds: float = 10) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def collect(connection: Connection) -> tuple[dict[bytes, bytes], dict[str, Any]]:
    """All output to the end, and what the end was."""
    output = {frames.STDOUT: b"", frames.STDERR: b""}
    while True:
        for kind, payload in connection.receive():
            if kind in output:
                output[kind] += payload
            if kind == frames.EXITED:
                return output, frames.read(payload)


def attached(bundle: Bundle, **plan: object) -> Connection:
    """Start it with all streams to us."""
    connection = bundle.start(**plan)
    connection.attach(stdin=True, stdout=True, stderr=True)
    return connection


def test_output_exit_code_and_log(bundle: Make) -> None:
    made = bundle("sh", "-c", "echo out; echo err >&2; printf half; exit 3")
    with attached(made) as connection:
        assert connection.started() > 0
        output, end = collect(connection)
    assert output == {frames.STDOUT: b"out\nhalf", frames.STDERR: b"err\n"}
    assert end == {"code": 3, "oom": False, "again": False}
    assert locks.until_free(made.of.monitor, 5)
    now = made.state()
    assert (now.status, now.exit_code, now.pid) == ("exited", 3, 0)
    assert now.started_at < now.finished_at
    logged = [(entry["stream"], entry["log"]) for entry in made.log()]
    assert sorted(logged) == [("stderr", "err\n"), ("stdout", "half"), ("stdout", "out\n")]
    assert not Path(made.paths.oci, made.id).exists()


def test_a_program_that_is_not_there_is_told_with_its_code(bundle: Make) -> None:
    made = bundle("nothing-here")
    with made.start() as connection, pytest.raises(StartFailed) as failed:
        connection.started()
    assert failed.value.code == 127
    assert locks.until_free(made.of.monitor, 5)
    now = made.state()
    assert (now.status, now.exit_code) == ("created", 127)
    assert "nothing-here" in now.error


def test_input_goes_in_and_its_end_is_seen(bundle: Make) -> None:
    data = os.urandom(600_000)
    made = bundle("cat")
    with attached(made, stdin=True, stdin_once=True, log=None) as connection:
        connection.started()
        sent = memoryview(data)
        output = bytearray()
        while sent or len(output) < len(data):
            for _ in range(4):
                if sent:
                    connection.send(frames.STDIN, bytes(sent[:32768]))
                    sent = sent[32768:]
            output += b"".join(payload for kind, payload in connection.receive() if kind == frames.STDOUT)
        connection.send(frames.STDIN_END)
        _, end = collect(connection)
    assert bytes(output) == data
    assert end["code"] == 0


def test_a_slow_reader_gets_all_and_the_monitor_holds_little(bundle: Make) -> None:
    size = 8 * 2**20
    made = bundle("sh", "-c", f"yes x | tr -d '\\n' | head -c {size}")
    with attached(made, log=None) as connection:
        connection.started()
        time.sleep(0.3)
        output, _ = collect(connection)
    assert output[frames.STDOUT] == b"x" * size


def test_a_terminal_has_a_size_that_changes(bundle: Make) -> None:
    made = bundle("sh", "-c", "stty size; read x; stty size", tty=True)
    with attached(made, stdin=True, size=[31, 97]) as connection:
        connection.started()
        output = b""
        while b"31 97\r\n" not in output:
            output += b"".join(payload for kind, payload in connection.receive() if kind == frames.STDOUT)
        connection.tell(frames.RESIZE, rows=12, columns=34)
        connection.send(frames.STDIN, b"\n")
        rest, _ = collect(connection)
    assert b"12 34\r\n" in rest[frames.STDOUT]


def test_several_attach_and_each_sees_the_output(bundle: Make) -> None:
    made = bundle("sh", "-c", "read line; echo got $line")
    with made.start(stdin=True) as first:
        first.started()
        with connect(made.of.run, "socket") as second, connect(made.of.run, "socket") as third:
            second.attach(stdin=False, stdout=True, stderr=True)
            third.attach(stdin=True, stdout=True, stderr=True)
            third.send(frames.STDIN, b"it\n")
            assert collect(third)[0][frames.STDOUT] == b"got it\n"
            assert collect(second)[0][frames.STDOUT] == b"got it\n"


def test_stop_asks_and_then_kills(bundle: Make) -> None:
    polite = bundle("sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.02; done")
    deaf = bundle("sh", "-c", "trap '' TERM; while :; do sleep 0.02; done")
    with polite.start() as one, deaf.start() as two:
        one.started(), two.started()
        time.sleep(0.2)
        one.command(frames.STOP, signal=15, timeout=10)
        two.command(frames.STOP, signal=15, timeout=0.3)
        assert collect(one)[1]["code"] == 5
        assert collect(two)[1]["code"] == 137
    assert polite.state().stopped


def test_restart_policies(bundle: Make) -> None:
    made = bundle("sh", "-c", "echo ran; exit 7")
    with made.start(restart={"name": "on-failure", "maximum": 2}) as connection:
        connection.started()
        ends = [collect(connection)[1] for _ in range(3)]
    assert [end["again"] for end in ends] == [True, True, False]
    now = made.state()
    assert (now.status, now.restarts, now.exit_code) == ("exited", 2, 7)
    assert [entry["log"] for entry in made.log()] == ["ran\n"] * 3


def test_always_ends_when_somebody_stops_it(bundle: Make) -> None:
    made = bundle("true")
    with made.start(restart={"name": "always", "maximum": 0}) as connection:
        connection.started()
        assert collect(connection)[1]["again"]
        assert collect(connection)[1]["again"]
        connection.command(frames.STOP, signal=15, timeout=1)
        assert locks.until_free(made.of.monitor, 5)
    assert made.state().status == "exited"


def test_a_monitor_that_is_told_to_end_ends_its_container_for_now(bundle: Make) -> None:
    made = bundle("sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.02; done")
    with made.start(restart={"name": "always", "maximum": 0}) as connection:
        connection.started()
        time.sleep(0.2)
        monitor = int(Path(f"/proc/{made.state().pid}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(monitor, signal.SIGTERM)
        assert collect(connection)[1] == {"code": 5, "oom": False, "again": False}
    assert locks.until_free(made.of.monitor, 5)
    assert not made.state().stopped


def test_pause_and_unpause(bundle: Make) -> None:
    made = bundle("sh", "-c", "while :; do echo .; sleep 0.02; done")
    with made.start() as connection:
        connection.started()
        connection.command(frames.PAUSED, paused=True)
        assert made.state().status == "paused"
        time.sleep(0.1)
        size = os.stat(made.of.log).st_size
        time.sleep(0.2)
        assert os.stat(made.of.log).st_size == size
        connection.command(frames.PAUSED, paused=False)
        until(lambda: os.stat(made.of.log).st_size > size)
        connection.command(frames.PAUSED, paused=True)
        connection.command(frames.STOP, signal=9, timeout=5)
        assert collect(connection)[1]["code"] == 137


def test_out_of_memory_is_told(bundle: Make) -> None:
    made = bundle("sh", "-c", "x=x; while :; do x=$x$x; done", memory=16 * 2**20)
    with made.start() as connection:
        connection.started()
        assert collect(connection)[1]["oom"]
    assert made.state().oom_killed


def test_health_goes_from_starting_to_healthy_to_unhealthy(bundle: Make) -> None:
    made = bundle("sh", "-c", "touch /tmp/well; sleep 0.8; rm /tmp/well; sleep 60")
    process = json.loads(Path(made.of.spec).read_text())["process"]
    check: dict[str, Any] = {"start_period": 0, "start_interval": 0.1, "interval": 0.1, "timeout": 2, "retries": 2}
    check["process"] = {**process, "args": ["sh", "-c", "echo looked; test -e /tmp/well"]}
    with made.start(health=check) as connection:
        connection.started()
        seen: list[str] = []

        def look() -> bool:
            health = made.state().health or {}
            if health["Status"] not in seen:
                seen.append(health["Status"])
            return seen[-1] == "unhealthy"

        until(look)
        health = made.state().health or {}
        connection.command(frames.STOP, signal=9, timeout=1)
        collect(connection)
    assert seen in (["starting", "healthy", "unhealthy"], ["healthy", "unhealthy"])
    assert health["Log"][-1]["Output"] == "looked\n"
    assert health["FailingStreak"] >= 2


def test_the_log_is_rotated(bundle: Make) -> None:
    made = bundle("sh", "-c", "for i in $(seq 60); do echo line $i; sleep 0.002; done")
    with made.start(log={"max_size": 1000, "max_file": 3}) as connection:
        connection.started()
        collect(connection)
    assert locks.until_free(made.of.monitor, 5)
    sizes = {path.name: path.stat().st_size for path in Path(made.of.folder).glob("container.log*")}
    assert sorted(sizes) == ["container.log", "container.log.1", "container.log.2"]
    assert all(size < 2000 for size in sizes.values())
    assert made.log()[-1]["log"] == "line 60\n"


def test_nonsense_from_a_client_ends_that_client_only(bundle: Make) -> None:
    made = bundle("sleep", "60")
    with made.start() as connection:
        connection.started()
        for kind, payload in (
            (frames.KILL, b"{}"),
            (frames.STOP, b"["),
            (b"?", b"null"),
            (frames.RESIZE, b'{"rows":[]}'),
        ):
            with connect(made.of.run, "socket") as other:
                other.send(kind, payload)
                with pytest.raises(MonitorLost):
                    other.receive()
        with connect(made.of.run, "socket") as other:
            os.write(other.fileno(), b"I\xff\xff\xff\xff")
            with pytest.raises(MonitorLost):
                other.receive()
        connection.command(frames.KILL, signal=9)
        assert collect(connection)[1]["code"] == 137


def test_an_idle_monitor_is_small(bundle: Make) -> None:
    made = bundle("sleep", "60")
    with made.start() as connection:
        connection.started()
        monitor = int(Path(f"/proc/{made.state().pid}/stat").read_text().rpartition(")")[2].split()[1])
        rollup = Path(f"/proc/{monitor}/smaps_rollup").read_text()
        pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        connection.command(frames.KILL, signal=9)
    print(f"one idle monitor: {pss} kB")
    assert pss < 8 * 1024
