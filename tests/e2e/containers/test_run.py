"""Running containers: streams, exit codes, signals, environment, ids and names, and what is refused and how."""

import re
import select
import signal
from pathlib import Path

import pytest

from tests.e2e.containers.engines import Engine

pytestmark = pytest.mark.e2e

NONE = "--network=none"


def test_streams_environment_and_exit_code(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\nFILE=from file\nBOTH=file\nTAKEN\n")
    (tmp_path / "labels").write_text("one=1\ntwo=2\n")
    script = "cat; echo $A $FILE $BOTH $HOME; pwd; hostname; id; echo err >&2; exit 7"
    shown = engine(
        *("run", "--rm", "-i", NONE, "-e", "A=b", "--env-file", tmp_path / "env", "-e", "BOTH=said"),
        *("-w", "/tmp/deep", "--hostname", "host.example", "-u", "user", "--label-file", tmp_path / "labels"),
        *("busybox", "sh", "-c", script),
        stdin="in\n",
        code=7,
    )
    assert shown.splitlines() == [
        "in",
        "b from file said /",
        "/tmp/deep",
        "host.example",
        "uid=1000(user) gid=1000(user) groups=1000(user)",
    ]
    assert engine.errors == "err\n"
    assert engine("run", "--rm", "-a", "stderr", NONE, "busybox", "sh", "-c", "echo out; echo err >&2") == ""
    assert engine.errors == "err\n"
    assert engine("run", "--rm", NONE, "busybox", "wc", "-c", stdin="what nobody reads") == "0\n"


def test_ids_and_names(engine: Engine, tmp_path: Path) -> None:
    id = engine("create", "--cidfile", tmp_path / "id", NONE, "busybox").strip()
    assert re.fullmatch(r"[0-9a-f]{64}", id)
    assert (tmp_path / "id").read_text() == id
    assert re.fullmatch(r"/[a-z]+_[a-z]+\d*", engine.asked(id[:4], "{{.Name}}"))
    following = engine.begin("events", "--filter", "type=container", "--filter", f"container={id}")
    assert following.stdout is not None
    engine("rename", id[:12], "named")
    while not select.select([following.stdout], [], [], 0.5)[0]:
        engine("rename", "named", "named-again")  # it may not have been listening yet
        engine("rename", "named-again", "named")
    following.send_signal(signal.SIGINT)
    assert b"container rename" in following.communicate(timeout=15)[0]
    assert engine("rm", "named") == "named\n"
    assert "invalid container name" in engine.refuses("run", "--name=-x", NONE, "busybox", code=125)


def test_entrypoint_and_command(engine: Engine) -> None:
    assert engine("run", "--rm", NONE, "--entrypoint", "echo", "busybox", "a", "b c") == "a b c\n"
    assert engine("run", "--rm", NONE, "--entrypoint", "", "busybox", "echo", "-n", "x") == "x"
    shown = engine(
        "run", "--rm", NONE, "busybox", "sh", "-c", "grep Sig /proc/self/status; ls -l /proc/self/fd | wc -l"
    )
    found = dict(line.split(":\t") for line in shown.splitlines()[:-1])
    ours = int("7fffffff", 16)  # the two behind them are libc's own
    assert int(found["SigIgn"], 16) & ours == int(found["SigBlk"], 16) & ours == 0
    assert shown.splitlines()[-1] == "5"  # standard streams, the folder itself, and a line above them
    assert engine("run", "--rm", "-i", NONE, "busybox", stdin="echo from the shell\n") == "from the shell\n"


def test_exit_codes_of_what_does_not_run(engine: Engine, tmp_path: Path) -> None:
    assert "not found" in engine.refuses("run", "--name=c127", NONE, "busybox", "nothing", code=127)
    assert engine.asked("c127", "{{.State.Status}} {{.State.ExitCode}}") == "created 127"
    assert "permission denied" in engine.refuses("run", "--rm", NONE, "busybox", "/etc", code=126)
    assert "permission denied" in engine.refuses("run", "--rm", NONE, "busybox", "/bin/plain", code=126)
    assert "no-such-flag" in engine.refuses("run", "--no-such-flag", "busybox", code=125)
    engine.refuses("run", "--rm", "--pull=never", "nosuchimage", code=125)
    assert "already in use" in engine.refuses("run", "--name=c127", NONE, "busybox", code=125)
    assert "no such container" in engine.refuses("start", "nosuch")
    for words in (("start", "c127"), ("start", "-a", "c127")):
        assert "not found" in engine.refuses(*words)
    (tmp_path / "cid").write_text("x")
    assert "container id file found" in engine.refuses("run", "--cidfile", tmp_path / "cid", NONE, "busybox", code=125)
    shown = engine("run", "-d", "--name=c127b", NONE, "busybox", "nothing", code=127)
    assert len(shown.strip()) == 64
    engine("rm", "c127", "c127b")


def test_a_flag_that_is_nearly_right_is_suggested(entrepot: Engine) -> None:
    assert "--memory" in entrepot.refuses("run", "--memry=1g", "busybox", code=125)
    assert "did you mean 'ps'" in entrepot.refuses("pss", code=2)
    assert "did you mean 'prune'" in entrepot.refuses("container", "prun", code=125)


def test_signals_go_on_to_the_container(engine: Engine) -> None:
    script = "trap 'echo told; exit 6' TERM; trap 'echo usr' USR1; echo ready; while :; do sleep 0.05; done"
    running = engine.begin("run", "--rm", NONE, "busybox", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGUSR1)
    assert running.stdout.readline() == b"usr\n"
    running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=15)[0] == b"told\n"
    assert running.returncode == 6
