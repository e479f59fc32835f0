"""Nothing stays behind: whatever of ours is killed, the next command brings in order what it has left."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.e2e


def monitor_of(pid: str) -> int:
    """The process above a container's first one."""
    [parent] = re.findall(r"^PPid:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(parent)


def test_after_the_monitor_was_killed(entrepot: Engine) -> None:
    before = set(entrepot.devices())
    options = ("--name", "orphan", "-p", "127.0.0.1:8181:80", "-v", "orphaned:/data")
    id = entrepot("run", "-d", *options, "busybox", "sleep", "1000").strip()
    pid = entrepot.asked("orphan", "{{.State.Pid}}")
    groups = [line.rpartition(":")[2] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    assert any(id in group for group in groups)
    os.kill(monitor_of(pid), signal.SIGKILL)
    wait_until(
        lambda: "Exited (137)" in entrepot("ps", "-a", "--filter", "name=orphan", "--format", "{{.Status}}"), "an end"
    )
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "end of its process")
    assert id not in Path("/proc/self/mountinfo").read_text()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/entrepot/{id}"))
    assert [name for name in entrepot.devices() if name not in before and not name.startswith("br-")] == []
    assert "died" in entrepot.asked("orphan", "{{.State.Error}}")
    entrepot("run", "--rm", "-p", "127.0.0.1:8181:80", "busybox", "true")  # the port is free
    entrepot("start", "orphan")
    assert entrepot("exec", "orphan", "cat", "/data/kept") == "from the image\n"
    entrepot("rm", "-f", "orphan")
    entrepot("volume", "rm", "orphaned")


def test_after_the_command_was_killed(engine: Engine) -> None:
    running = engine.begin(
        "run", "--rm", "--name", "outlives", "--network=none", "busybox", "sh", "-c", "echo up; sleep 1000"
    )
    assert running.stdout is not None
    assert running.stdout.readline() == b"up\n"
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=15)
    assert engine.asked("outlives", "{{.State.Running}}") == "true"
    engine("kill", "outlives")
    wait_until(lambda: engine.lines("ps", "-aq", "--filter", "name=outlives") == [], "the container's end")


def test_many_at_once(engine: Engine) -> None:
    engine("network", "create", "crowd")
    names = [f"crowd-{number}" for number in range(6)]
    _at_once(
        engine, [("run", "-d", "--rm", "--name", name, "--network=crowd", "busybox", "sleep", "1000") for name in names]
    )
    assert sorted(engine.lines("ps", "--filter", "network=crowd", "--format", "{{.Names}}")) == names
    shape = '{{(index .NetworkSettings.Networks "crowd").IPAddress}}'
    assert len(set(engine.lines("inspect", "--format", shape, *names))) == len(names)
    _at_once(engine, [("rm", "-f", name) for name in names])
    assert engine.lines("ps", "-aq", "--filter", "network=crowd") == []
    engine("network", "rm", "crowd")


def _at_once(engine: Engine, lines: list[tuple[str, ...]]) -> None:
    running = [engine.begin(*words) for words in lines]
    out = [each.communicate(timeout=60) for each in running]
    assert [each.returncode for each in running] == [0] * len(lines), out


def test_a_restart_of_all_that_should_run(entrepot: Engine) -> None:
    for name, policy in (("boot-always", "always"), ("boot-stopped", "unless-stopped"), ("boot-no", "no")):
        entrepot("run", "-d", "--name", name, f"--restart={policy}", "--network=none", "busybox", "sleep", "1000")
    entrepot("stop", "-t", "0", "boot-stopped")
    for name in ("boot-always", "boot-no"):
        os.kill(monitor_of(entrepot.asked(name, "{{.State.Pid}}")), signal.SIGKILL)
    assert entrepot("system", "service") == "boot-always\n"
    shown = entrepot.lines("ps", "-a", "--filter", "name=boot-", "--format", "{{.Names}} {{.State}}")
    assert shown == ["boot-no exited", "boot-stopped exited", "boot-always running"]
    entrepot("rm", "-f", "boot-always", "boot-stopped", "boot-no")
