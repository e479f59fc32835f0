"""The command as a user has it, on roots and in a network of its own, with an image of busybox."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from runtime.engine import namespace
from tests.runtime.engine.bundles import busybox_tree
from tests.runtime.engine.images import install

PATIENCE = 30.0


class Command:
    """`entrepot` on one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = str(folder / "net")
        self.environ = {
            **os.environ,
            "ENTREPOT_RUNTIME_ROOT": str(folder / "data"),
            "ENTREPOT_RUNTIME_RUN_ROOT": str(folder / "run"),
            "PYTHONPATH": str(Path(__file__).resolve().parents[4]),
        }

    def words(self, *args: str) -> list[str]:
        """The command line."""
        return ["nsenter", f"--net={self.network}", "--", sys.executable, "-m", "runtime.cli", *args]

    def __call__(self, *args: str, stdin: str = "", code: int = 0) -> str:
        """Run it; its standard output. It has this exit code."""
        done = subprocess.run(
            self.words(*args), input=stdin, capture_output=True, text=True, env=self.environ, timeout=PATIENCE
        )
        assert done.returncode == code, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        self.errors = done.stderr
        return done.stdout

    def begin(self, *args: str) -> subprocess.Popen[bytes]:
        """Begin it, with pipes."""
        return subprocess.Popen(
            self.words(*args), env=self.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def typed(self, args: Sequence[str], script: Sequence[tuple[bytes, bytes]], size: bytes = b"") -> tuple[int, bytes]:
        """Run it on a terminal: wait for what is shown, then type; the exit code and all that was shown."""
        words = self.words(*args)
        pid, fd = pty.fork()
        if not pid:
            if size:
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execvpe(words[0], words, self.environ)
        shown, place = b"", 0
        steps = list(script)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if steps and (found := shown.find(steps[0][0], place)) >= 0:
                place = found + len(steps[0][0])
                os.write(fd, steps.pop(0)[1])
            if select.select([fd], [], [], 0.05)[0]:
                try:
                    shown += os.read(fd, 4096)
                except OSError:
                    break
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        assert not steps, f"waited for {steps[0][0]!r} in {shown!r}"
        return os.waitstatus_to_exitcode(status), shown


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command; at the end nothing of it is left."""
    folder = tmp_path_factory.mktemp("cli")
    install(folder / "data", busybox_tree(folder / "tree"))
    made = Command(folder)
    namespace.make(made.network)
    subprocess.run(["nsenter", f"--net={made.network}", "ip", "link", "set", "lo", "up"], check=True)
    try:
        yield made
        if ids := made("ps", "-aq").split():
            made("rm", "-fv", *ids)
        made("network", "prune", "-f")
        assert str(folder / "data") not in Path("/proc/self/mountinfo").read_text()
        assert os.listdir(folder / "run" / "containers") == []
    finally:
        namespace.drop(made.network)
