"""Terminals: -it, their size, detaching and coming back, several who watch, exec, and pipes where none is wanted."""

import select

import pytest

from tests.e2e.containers.engines import Engine

pytestmark = pytest.mark.e2e

NONE = "--network=none"


def test_a_terminal_is_left_and_taken_up_again(engine: Engine) -> None:
    here = engine.at_terminal("run", "-it", "--name", "tty", NONE, "busybox", size=(33, 99))
    here.until(b"# ")
    here.type(b"tty; stty size; echo $TERM\n")
    here.until(b"/dev/pts/0")
    here.until(b"33 99")
    here.until(b"xterm")
    here.resize(44, 111)
    here.type(b"sleep 0.3; stty size\n")
    here.until(b"44 111")
    here.type(b"\x10\n")  # Ctrl-P alone is a key like any other: the shell's for the line before
    here.until(b"44 111")
    here.type(b"\x10\x11")
    code, _ = here.end()
    assert code == 0
    assert engine.lines("ps", "--filter", "name=^tty$", "--format", "{{.State}}") == ["running"]

    inside = engine.at_terminal("exec", "-it", "-e", "A=b", "tty", "sh", size=(20, 70))
    inside.until(b"# ")
    inside.type(b"tty; stty size; echo $A; exit 4\n")
    code, shown = inside.end()
    assert code == 4
    assert b"/dev/pts/1" in shown
    assert b"20 70" in shown

    first, second = (engine.at_terminal("attach", *keys, "tty") for keys in ((), ("--detach-keys=ctrl-a,d",)))
    for each in (first, second):
        each.type(b"\n")
        each.until(b"# ")
    first.type(b"echo se''en\n")
    first.until(b"seen")
    second.until(b"seen")
    second.type(b"\x01d")
    code, _ = second.end()
    assert code == (1 if engine.is_docker else 0)  # docker says so of attach alone, `run` left in this way is 0
    first.type(b"exit 5\n")
    code, _ = first.end()
    assert code == 5

    again = engine.at_terminal("start", "-ai", "tty")
    again.until(b"# ")
    again.type(b"exit 8\n")
    assert again.end()[0] == 8
    assert "echo se" in engine("logs", "tty")
    engine("rm", "tty")


def test_pipes_and_terminals_are_not_taken_for_each_other(engine: Engine) -> None:
    assert "the input device is not a tty" in engine.refuses("run", "-it", "--rm", NONE, "busybox", code=1)
    assert engine("run", "-t", "--rm", NONE, "busybox", "echo", "a") == "a\r\n"
    engine("run", "-d", "-i", "--name=pipe", NONE, "busybox", "cat")
    assert "the input device is not a tty" in engine.refuses("exec", "-it", "pipe", "true")
    assert engine("exec", "-i", "pipe", "wc", "-c", stdin=b"x" * 100_000) == "100000\n"
    attached = engine.begin("attach", "--sig-proxy=false", "pipe")
    watching = engine.begin("attach", "--no-stdin", "pipe")
    again = engine.begin("start", "-a", "pipe")
    assert attached.stdin is not None
    assert attached.stdout is not None
    assert watching.stdout is not None
    assert again.stdout is not None
    while len(select.select([watching.stdout, again.stdout], [], [], 0.2)[0]) < 2:  # until they are attached as well
        attached.stdin.write(b"typed\n")
        attached.stdin.flush()
    assert attached.stdout.readline() == b"typed\n"
    assert watching.stdout.readline() == b"typed\n"
    engine("kill", "pipe")
    for each in (attached, watching, again):
        each.communicate(timeout=30)
        assert each.returncode == 137
    assert "cannot attach to a stopped container" in engine.refuses("attach", "pipe")
    engine("rm", "pipe")
