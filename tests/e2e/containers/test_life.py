"""The life of containers: start to removal, waiting, pausing, policies, health, updates, and what is told meanwhile."""

import json
import re
import time
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.e2e

NONE = "--network=none"


def test_the_life_of_a_container(engine: Engine) -> None:
    script = "trap 'echo bye; exit 9' INT; trap 'echo hup' HUP; echo begun; while :; do sleep 0.1; done"
    options = ("--stop-signal=INT", "--stop-timeout=20", "-l", "of=life")
    id = engine("create", "--name", "life", *options, NONE, "busybox", "sh", "-c", script).strip()
    assert engine.asked("life", "{{.State.Status}}") == "created"
    assert engine("wait", "life") == "0\n"
    assert engine("start", "life") == "life\n"
    assert engine("start", "life") == "life\n"
    wait_until(lambda: engine("logs", "life") == "begun\n", "output")
    assert engine("pause", "life") == "life\n"
    assert "(Paused)" in engine("ps", "--filter", "status=paused", "--format", "{{.Status}}")
    assert "paused" in engine.refuses("exec", "life", "true")
    assert "already paused" in engine.refuses("pause", "life") or not engine.is_docker
    assert engine("unpause", "life") == "life\n"
    assert "not paused" in engine.refuses("unpause", "life") or not engine.is_docker
    engine("kill", "--signal=SIGHUP", "life")
    wait_until(lambda: "hup" in engine("logs", "life"), "the signal's output")
    waiting = engine.begin("wait", "life")
    time.sleep(0.5)
    assert engine("stop", "life") == "life\n"
    assert waiting.communicate(timeout=15)[0] == b"9\n"
    assert engine("stop", "life") == "life\n"
    assert engine.asked("life", "{{.State.ExitCode}} {{.State.Running}} {{.State.Pid}}") == "9 false 0"
    assert "is not running" in engine.refuses("kill", "life")
    assert "is not running" in engine.refuses("exec", "life", "true")
    assert engine("restart", "-t", "1", "life") == "life\n"
    wait_until(lambda: engine("logs", "--tail", "1", "life") == "begun\n", "output")
    first = engine.asked("life", "{{.State.StartedAt}} {{.State.Pid}}")
    engine("restart", "--time=0", "life")
    assert engine.asked("life", "{{.State.StartedAt}} {{.State.Pid}}") != first
    engine("kill", "life")
    assert engine("wait", "life") == "137\n"
    assert engine("rm", id[:12]) == f"{id[:12]}\n"
    words = ("--since", "5m", "--until", f"{time.time():.9f}", "--filter", f"container={id}")
    told = [json.loads(line) for line in engine.lines("events", *words, "--format", "{{json .}}")]
    assert [each["Action"] for each in told if not each["Action"].startswith(("kill", "exec_"))] == [
        *("create", "start", "pause", "unpause", "die", "stop"),
        *("start", "restart", "die", "stop", "start", "restart", "die", "destroy"),
    ]
    kills = [each["Actor"]["Attributes"]["signal"] for each in told if each["Action"] == "kill"]
    assert kills[:3] == ["1", "2", "2"]
    assert kills[-1] == "9"
    assert {each["Type"] for each in told} == {"container"}
    assert told[0]["Actor"]["Attributes"] == {"image": "busybox", "made": "here", "name": "life", "of": "life"}
    assert [each["Actor"]["Attributes"]["exitCode"] for each in told if each["Action"] == "die"][-1] == "137"
    [line] = engine.lines("events", *words, "--filter", "event=create")
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\dT\S+ container create {id} \(image=busybox, made=here, name=life, of=life\)", line
    )


def test_several_at_once_and_those_that_are_not_there(engine: Engine) -> None:
    for name in ("many-one", "many-two"):
        engine("run", "-d", "--name", name, NONE, "busybox", "sleep", "1000")
    assert "no such container: nosuch" in engine.refuses("stop", "-t", "0", "many-one", "nosuch", "many-two")
    assert engine("wait", "many-one", "many-two") == "137\n137\n"
    assert engine("start", "many-one", "many-two") == "many-one\nmany-two\n"
    assert engine("kill", "-s", "KILL", "many-one", "many-two") == "many-one\nmany-two\n"
    assert "not running" in engine.refuses("top", "many-one")
    engine("start", "many-two")
    engine("pause", "many-two")
    assert engine("rm", "--force", "many-two") == "many-two\n"  # one that is paused goes as well
    assert engine("rm", "-f", "nosuch") == ""
    assert "no such container: nosuch" in engine.refuses("rm", "many-one", "nosuch")
    pruned = engine("create", NONE, "busybox").strip()
    kept = engine("create", "--label", "keep", NONE, "busybox").strip()
    shown = engine("container", "prune", "-f", "--filter", "label!=keep")
    assert (pruned in shown, kept in shown) == (True, False)
    engine("rm", kept[:12])
    assert shown.startswith("Deleted Containers:\n")
    assert shown.splitlines()[-1].startswith("Total reclaimed space: ")
    assert engine("container", "prune", "--force") == "Total reclaimed space: 0B\n"
    here = engine.begin("container", "prune")
    assert here.communicate(b"n\n", timeout=30)[0].count(b"Deleted") == 0


def test_exec(engine: Engine) -> None:
    engine("run", "-d", "--name", "exec", "-e", "OWN=1", "-w", "/tmp", NONE, "busybox", "sleep", "1000")
    assert engine("exec", "exec", "sh", "-c", "echo $OWN; pwd; id -u") == "1\n/tmp\n0\n"
    words = ("-e", "A=b", "-w", "/bin", "-u", "user")
    assert (
        engine("exec", *words, "exec", "sh", "-c", "echo $A $OWN; pwd; id -un; exit 3", code=3) == "b 1\n/bin\nuser\n"
    )
    assert engine("exec", "-i", "exec", "cat", stdin="to it\n") == "to it\n"
    engine("exec", "exec", "sh", "-c", "kill -TERM $$", code=143)
    missing = 126 if engine.is_docker else 127  # as docker has it by now, Debian's has not yet
    assert "not found" in _all(engine, "exec", "exec", "nothing", code=missing)
    assert "permission denied" in _all(engine, "exec", "exec", "/etc", code=126)
    assert engine("exec", "-d", "exec", "sh", "-c", "touch /tmp/made; sleep 1000") == ""
    wait_until(lambda: "made" in engine("exec", "exec", "ls", "/tmp"), "what was left running")
    shown = engine.lines("top", "exec")
    assert shown[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [line.split()[7:] for line in shown[1:]] == [["sleep", "1000"]] * 2
    assert engine.lines("top", "exec", "-o", "pid,args")[0].split()[0] == "PID"
    shape = "{{.Name}} {{.PIDs}} {{.MemPerc}} {{.NetIO}}"
    assert re.fullmatch(r"exec 2 \d+\.\d\d% 0B / 0B\n", engine("stats", "--no-stream", "--format", shape, "exec"))
    heading, row = engine.lines("stats", "--no-stream", "exec")
    assert re.split(r" {2,}", heading.strip()) == [
        *("CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS")
    ]
    assert re.search(r"exec +\d+\.\d\d% +\d\S*[KM]iB / \d\S*GiB ", row)
    engine("rm", "-f", "exec")


def test_policies_start_again(engine: Engine, tmp_path: Path) -> None:
    engine("run", "-d", "--name", "fails", "--restart=on-failure:2", NONE, "busybox", "sh", "-c", "echo x; exit 3")
    engine("run", "-d", "--name", "always", "--restart=always", NONE, "busybox", "sh", "-c", "sleep 0.2; exit 0")
    wait_until(
        lambda: engine.asked("fails", "{{.State.Status}} {{.RestartCount}}") == "exited 2", "the last of three runs"
    )
    assert engine("logs", "fails") == "x\n" * 3
    words = ("--since", "5m", "--until", f"{time.time():.9f}", "--filter", "container=fails")
    told = [line.split() for line in engine.lines("events", *words, "--format", "{{.Action}} {{.TimeNano}}")]
    times = {action: [int(at) for what, at in told if what == action] for action in ("start", "die")}
    waits = [start - die for die, start in zip(times["die"], times["start"][1:], strict=False)]
    assert 10**8 <= waits[0] < waits[1]  # each time twice as long
    assert waits[1] >= 2 * 10**8
    assert engine.asked("fails", "{{.State.ExitCode}}") == "3"
    wait_until(lambda: int(engine.asked("always", "{{.RestartCount}}")) > 1, "restarts")
    wait_until(
        lambda: "Restarting (0)" in engine("ps", "--format", "{{.Status}}", "--filter", "status=restarting"),
        "a pause before a start",
    )
    engine("update", "--restart=no", "always")
    wait_until(lambda: engine.asked("always", "{{.State.Status}}") == "exited", "the end")
    assert "--restart and --rm" in engine.refuses("run", "--rm", "--restart=always", NONE, "busybox", code=125)
    engine("run", "-d", "--name", "stopped", "--restart=unless-stopped", NONE, "busybox", "sleep", "1000")
    engine("stop", "-t", "0", "stopped")
    time.sleep(0.5)
    assert engine.asked("stopped", "{{.State.Status}} {{.RestartCount}}") == "exited 0"
    engine("rm", "fails", "always", "stopped")


def test_health(engine: Engine) -> None:
    options = ("--health-cmd", "cat /tmp/well", "--health-interval=0.2s", "--health-retries=2", "--health-timeout=5s")
    engine("run", "-d", "--name", "health", *options, NONE, "busybox", "sh", "-c", "touch /tmp/well; sleep 1000")
    assert engine.asked("health", "{{.State.Health.Status}}") in ("starting", "healthy")
    wait_until(lambda: engine.asked("health", "{{.State.Health.Status}}") == "healthy", "health")
    assert "(healthy)" in engine("ps", "--filter", "health=healthy", "--format", "{{.Status}}")
    engine("exec", "health", "rm", "/tmp/well")
    wait_until(lambda: engine.asked("health", "{{.State.Health.Status}}") == "unhealthy", "bad health")
    [told] = engine.document("inspect", "health")
    assert told["State"]["Health"]["FailingStreak"] >= 2
    assert told["State"]["Health"]["Log"][-1]["ExitCode"] == 1
    assert "can't open '/tmp/well'" in told["State"]["Health"]["Log"][-1]["Output"]
    assert told["Config"]["Healthcheck"]["Test"] == ["CMD-SHELL", "cat /tmp/well"]
    assert told["Config"]["Healthcheck"]["Interval"] == 200_000_000
    words = (
        "--since",
        "5m",
        "--until",
        f"{time.time():.9f}",
        "--filter",
        "container=health",
        "--filter",
        "event=health_status",
    )
    assert engine.lines("events", *words, "--format", "{{.Action}}") == [
        "health_status: healthy",
        "health_status: unhealthy",
    ]
    engine("rm", "-f", "health")


def _all(engine: Engine, *args: str, code: int) -> str:
    return (engine(*args, code=code) + engine.errors).lower()
