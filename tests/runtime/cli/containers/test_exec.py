"""`exec`: the same whether our OCI runtime is called in a fork of the command, or another one by its command line."""

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.cli.containers.conftest import Command

NONE = "--network=none"


@pytest.fixture(scope="module", params=["entrepot-oci", "runc"])
def box(command: Command, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a container that runs on one of the two."""
    name = f"box-{request.param}"
    runtime = ["--runtime", str(shutil.which("runc"))] if request.param == "runc" else []
    command("run", "-d", "--name", name, *runtime, NONE, "-e", "A=image", "busybox", "sleep", "1000")
    yield name
    command("rm", "-f", name)


def test_streams_stay_apart_and_the_input_ends(command: Command, box: str) -> None:
    assert command("exec", "-i", box, "sh", "-c", "cat; echo err >&2; exit 3", stdin="in\n", code=3) == "in\n"
    assert command.errors == "err\n"
    assert command("exec", box, "cat", stdin="not given\n") == ""


def test_who_and_where_it_is(command: Command, box: str, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# comment\nB=file\n")
    script = ["sh", "-c", "id -u; pwd; echo $A $B $C"]
    options = ["--user=user", "-w", "/tmp", "--env-file", str(tmp_path / "env"), "-eC=line"]
    assert command("exec", *options, box, *script).split() == ["1000", "/tmp", "image", "file", "line"]
    assert command("exec", "-e=A=other", "-u", "7:8", box, *script).split() == ["7", "/", "other"]
    bounding = "grep CapBnd /proc/self/status"
    usual, all_of_them = (command("exec", *more, box, "sh", "-c", bounding) for more in ([], ["--privileged"]))
    assert int(usual.split()[1], 16) < int(all_of_them.split()[1], 16)


def test_exit_codes_and_what_is_said(command: Command, box: str) -> None:
    command("exec", box, "sh", "-c", "kill -9 $$", code=137)
    command("exec", box, "nothing", code=127)
    assert "executable file not found" in command.errors
    command("exec", box, "/etc", code=126)
    command("exec", "-w", "/nowhere", box, "true", code=127)
    command("exec", "-u", "nobody-here", box, "true", code=125)
    command("exec", "-it", box, "true", code=1)
    assert command.errors == "entrepot: the input device is not a TTY\n"
    command("exec", "--env-fil", "x", box, "true", code=125)
    assert "--env-file" in command.errors
    command("exec", f"{box}s", "true", code=1)
    assert command.errors == f"entrepot: no such container: {box}s\n"
    command("pause", box)
    command("exec", box, "true", code=1)
    assert "paused" in command.errors
    command("unpause", box)


def test_nothing_of_the_caller_reaches_it(command: Command, box: str) -> None:
    leaked = os.open("/", os.O_RDONLY)
    words = command.words("exec", box, "sh", "-c", "ls -l /proc/$$/fd; env")
    done = subprocess.run(
        words, env={**command.environ, "SECRET": "s"}, stdin=-3, capture_output=True, text=True, pass_fds=[leaked]
    )
    os.close(leaked)
    names = sorted(line.split()[-3] for line in done.stdout.splitlines() if "->" in line)
    assert names == ["0", "1", "2"]
    assert "SECRET" not in done.stdout
    assert list((command.folder / "run").glob("containers/*/exec-*")) == []


def test_a_terminal_its_size_and_the_keys_that_leave_it(command: Command, box: str) -> None:
    script = [(b"# ", b"stty size; tty; echo $TERM; exit 4\n")]
    code, shown = command.typed(["exec", "-it", box, "sh"], script, size=struct.pack("HHHH", 33, 101, 0, 0))
    assert code == 4
    assert b"33 101" in shown
    assert b"/dev/pts/" in shown
    code, shown = command.typed(
        ["exec", "-it", "--detach-keys=ctrl-a,x", box, "sh", "-c", "echo up; exec sleep 77"], [(b"up", b"\x01x")]
    )
    assert code == 0
    assert "sleep 77" in command("top", box)


def test_it_is_left_running(command: Command, box: str) -> None:
    begun = time.monotonic()
    assert command("exec", "-d", box, "sh", "-c", "sleep 1; echo done > /tmp/left") == ""
    assert time.monotonic() - begun < 1
    end = time.monotonic() + 15
    while command("exec", box, "sh", "-c", "cat /tmp/left || true") != "done\n":
        assert time.monotonic() < end
