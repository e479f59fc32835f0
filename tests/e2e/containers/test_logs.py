"""Logs: which lines, from when to when, with times, followed, rotated, or not kept."""

import re
import time

import pytest

from tests.e2e.containers.engines import Engine
from tests.e2e.processes import wait_until

pytestmark = pytest.mark.e2e

NONE = "--network=none"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"


def test_what_is_shown_of_a_log(engine: Engine) -> None:
    until = "while [ ! -e /end ]; do sleep 0.1; done"
    script = f"echo one; echo err >&2; sleep 1.2; echo two; echo -n three; {until}; echo; echo four"
    engine("run", "-d", "--name", "logs", NONE, "busybox", "sh", "-c", script)
    following = engine.begin("logs", "-f", "--tail=1", "logs")
    wait_until(lambda: "two" in engine("logs", "logs"), "the second line")
    engine("exec", "logs", "touch", "/end")
    engine("wait", "logs")
    out, _ = following.communicate(timeout=30)
    assert out.endswith(b"two\nthree\nfour\n")
    assert engine("logs", "logs") == "one\ntwo\nthree\nfour\n"
    assert engine.errors == "err\n"
    assert engine("logs", "-n", "2", "logs") == "three\nfour\n"
    assert engine("logs", "--tail=0", "logs") == ""
    assert engine("logs", "--tail", "all", "logs") == "one\ntwo\nthree\nfour\n"
    assert engine("logs", "--tail", "-1", "logs") == "one\ntwo\nthree\nfour\n"
    lines = engine.lines("logs", "-t", "logs")
    assert all(re.fullmatch(rf"{STAMP} \w+", line) for line in lines)
    second = lines[1].split()[0]
    assert engine("logs", "--since", second, "logs") == "two\nthree\nfour\n"
    assert engine("logs", "--until", second, "logs").splitlines() in (["one"], ["one", "two"])
    assert engine("logs", "--since", "10m", "--until", "2099-01-02", "logs") == "one\ntwo\nthree\nfour\n"
    assert engine("logs", "--since", "2099-01-02", "logs") == ""
    seconds = int(time.mktime(time.gmtime()) - time.timezone)
    assert engine("logs", f"--since={seconds - 600}", f"--until={seconds + 5}.5", "logs").count("\n") == 4
    assert engine("logs", "--since=2001-02-03T04:05:06", "logs").count("\n") == 4
    assert engine("logs", "--until=2001-02-03", "logs") == ""
    assert "no such container" in engine.refuses("logs", "nosuch")
    engine("rm", "logs")


def test_logs_are_rotated_or_not_kept(engine: Engine) -> None:
    options = ("--log-opt", "max-size=8k", "--log-opt", "max-file=2")
    engine("run", "--name", "rotated", *options, NONE, "busybox", "sh", "-c", "seq -w 2000 | sed 's/^/line /'")
    shown = engine.lines("logs", "rotated")
    assert shown[-1] == "line 2000"
    assert 50 < len(shown) < 300
    assert shown == [f"line {number:04}" for number in range(2001 - len(shown), 2001)]
    assert engine.lines("logs", "--tail", "3", "rotated") == shown[-3:]
    assert engine.asked(
        "rotated", '{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-file"}}'
    ) == ("json-file 2")
    engine("run", "--name", "unkept", "--log-driver=none", NONE, "busybox", "echo", "shown")
    assert "does not support reading" in engine.refuses("logs", "unkept")
    engine("run", "-t", "--name", "long", NONE, "busybox", "sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x")
    assert engine("logs", "long") == "x" * 40000
    engine("rm", "rotated", "unkept", "long")
