"""Containers at the command line, as docker's users type it."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.runtime.cli.containers.conftest import Command

NONE = "--network=none"


def until(what: Callable[[], object], seconds: float = 15) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


def test_run_has_the_streams_and_the_exit_code(command: Command) -> None:
    script = "cat; echo err >&2; echo $A; exit 7"
    assert (
        command("run", "--rm", "-i", NONE, "-e", "A=b", "busybox", "sh", "-c", script, stdin="in\n", code=7)
        == "in\nb\n"
    )
    assert command.errors == "err\n"
    assert command("ps", "-aq") == ""


def test_exit_codes_of_what_does_not_run(command: Command) -> None:
    command("run", "--rm", NONE, "busybox", "nothing", code=127)
    command("run", "--rm", NONE, "busybox", "/etc", code=126)
    command("run", "--rm", "--no-such-flag", "busybox", "true", code=125)
    command("run", "--rm", "--pull=never", "nosuchimage", "true", code=125)
    for words in (("run",), ("run", "--rm"), ("rename", "one"), ("ps", "extra"), ("exec", "one")):
        command(*words, code=1)
    assert command("ps", "-aq") == ""


def test_the_life_of_a_container(command: Command) -> None:
    id = command("run", "-d", "--name", "life", NONE, "busybox", "sh", "-c", "echo one; exec sleep 1000").strip()
    until(lambda: command("logs", "life") == "one\n")
    assert command("ps", "--format", "{{.ID}} {{.Names}} {{.State}}") == f"{id[:12]} life running\n"
    assert command("exec", "-w", "/tmp", "life", "sh", "-c", "pwd; exit 3", code=3) == "/tmp\n"
    command("pause", "life")
    assert "(Paused)" in command("container", "ls", "--format", "{{.Status}}")
    command("unpause", "life")
    assert "sleep 1000" in command("top", "life")
    assert command("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}") == "life 1\n"
    command("rename", "life", "lives")
    command("update", "--memory", "64m", "--memory-swap", "64m", "lives")
    assert command("inspect", "-f", "{{.HostConfig.Memory}}", "lives") == f"{64 * 2**20}\n"
    command("restart", "-t", "0", "lives")
    command("stop", "-t", "0", "lives")
    assert "Exited (137)" in command("ps", "-a", "--format", "{{.Status}}")
    assert command("wait", "lives") == "137\n"
    command("exec", "lives", "true", code=1)
    command("rm", "lives")
    actions = [
        json.loads(line)["Action"]
        for line in command(
            "events", "--since", "1m", "--until", "0s", "--format", "json", "--filter", f"container={id}"
        ).splitlines()
    ]
    assert actions[:2] == ["create", "start"]
    assert actions[-1] == "destroy"
    assert {"pause", "unpause", "rename", "die"} <= set(actions)


def test_signals_go_on_to_the_container(command: Command) -> None:
    script = "trap 'echo told; exit 6' TERM; echo ready; while :; do sleep 0.05; done"
    running = command.begin("run", "--rm", NONE, "busybox", "sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == b"ready\n"
    running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=15)[0] == b"told\n"
    assert running.returncode == 6


def test_a_terminal_is_left_and_taken_up_again(command: Command) -> None:
    code, shown = command.typed(
        ["run", "-it", "--name", "tty", NONE, "busybox", "sh"],
        [(b"# ", b"tty\n"), (b"/dev/pts/0", b"\x10\x11")],
    )
    assert code == 0, shown
    assert command("ps", "--format", "{{.Names}}") == "tty\n"
    code, shown = command.typed(["exec", "-it", "tty", "sh"], [(b"# ", b"tty; exit 4\n")])
    assert code == 4
    assert b"/dev/pts/1" in shown
    code, shown = command.typed(["attach", "tty"], [(b"", b"echo ag''ain; exit 5\n")])
    assert code == 5
    assert b"again" in shown
    code, shown = command.typed(["start", "-ai", "tty"], [(b"# ", b"exit 8\n")])
    assert code == 8
    command("rm", "tty")


def test_files_go_in_and_out_and_become_an_image(command: Command, tmp_path: Path) -> None:
    command("create", "--name", "files", NONE, "busybox", "sh", "-c", "cat /made/here")
    (tmp_path / "made").mkdir()
    (tmp_path / "made/here").write_text("content\n")
    command("cp", str(tmp_path / "made"), "files:/")
    assert command("start", "-a", "files") == "content\n"
    assert command("diff", "files") == "A /made\nA /made/here\n"
    command("cp", "files:/made/here", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "content\n"
    command("commit", "-c", 'CMD ["cat", "/made/here"]', "files", "made:1")
    assert command("run", "--rm", NONE, "made:1") == "content\n"
    command("export", "-o", str(tmp_path / "all.tar"), "files")
    listed = subprocess.run(["tar", "-tf", tmp_path / "all.tar"], capture_output=True, text=True, check=True).stdout
    assert "made/here" in listed.splitlines()
    command("container", "rm", "files")


def test_a_published_port_and_a_volume(command: Command) -> None:
    command("run", "--rm", "-v", "site:/www", NONE, "busybox", "sh", "-c", "echo hello > /www/index.html")
    command(
        "run",
        "-d",
        "--name",
        "web",
        "-p",
        "127.0.0.1:8088:80",
        "-v",
        "site:/www",
        "busybox",
        "httpd",
        "-f",
        "-h",
        "/www",
    )
    assert command("port", "web") == "80/tcp -> 127.0.0.1:8088\n"
    fetch = ["nsenter", f"--net={command.network}", "/bin/busybox", "wget", "-qO-", "http://127.0.0.1:8088/"]
    until(lambda: subprocess.run(fetch, capture_output=True).stdout == b"hello\n")
    assert "127.0.0.1:8088->80/tcp" in command("ps", "--format", "{{.Ports}}")
    subprocess.run(["nsenter", f"--net={command.network}", "nft", "flush", "ruleset"], check=True)
    assert subprocess.run([*fetch[:2], "timeout", "1", *fetch[2:]], capture_output=True).stdout == b""
    command("system", "service")  # which brings the rules back that somebody has flushed
    assert subprocess.run(fetch, capture_output=True).stdout == b"hello\n"
    command("rm", "-f", "web")
    command("volume", "rm", "site")
    assert command("run", "--rm", "busybox", "sh", "-c", "ip addr | grep -c eth0").strip() != "0"


def test_containers_that_do_not_run_are_pruned(command: Command) -> None:
    command("run", "--name", "done", NONE, "busybox", "true")
    assert "Total reclaimed space" in command("container", "prune", "-f")
    assert command("ps", "-aq") == ""
    command("rm", "done", code=1)
    command("rm", "-f", "done")
