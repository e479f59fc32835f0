"""Programs as the tests start them: commands that must succeed, daemons stopped by their process id, mounts undone."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL = 6000


class CommandFailed(AssertionError):
    """A command exited with another code than the test wants; carries what it printed."""


@dataclass(frozen=True, slots=True)
class Output:
    """What one finished command left behind."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.raw.decode()

    @property
    def text(self) -> str:
        """Standard output and standard error together."""
        return self.raw.decode(errors="replace") + self.err


def clean_environment(home: Path) -> dict[str, str]:
    """An environment in which no client finds this user's logins, settings, daemons or proxies."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
    given: bytes | None = None,
    check: bool = True,
) -> Output:
    """Run a command to its end and return its output; with check, any exit code but 0 is CommandFailed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env, cwd=cwd, timeout=timeout, input=given or b"", capture_output=True)
    output = Output(done.returncode, done.stdout, done.stderr.decode(errors="replace"))
    if check and output.code != 0:
        raise CommandFailed(f"{' '.join(words)}\nexited with {output.code}\n{output.text[-TAIL:]}")
    return output


class Daemon:
    """A long-running program that logs to a file and is stopped by its own process id."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.command = [str(word) for word in command]
        self.log = log
        self.env = env
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not exited."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        assert self._process is not None
        return self._process.pid

    def log_tail(self) -> str:
        """The end of what it has logged, for the message of a failure."""
        return self.log.read_text(errors="replace")[-TAIL:] if self.log.exists() else ""

    def start(self, ready: Callable[[], bool], timeout: float = 60) -> None:
        """Start it and wait until ready() says so; a program that exits or never gets ready is an error."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                # A group of its own: control-C at the terminal reaches the tests, which then stop it in order.
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not ready():
            if self._process.poll() is not None:
                raise CommandFailed(f"{self.command[0]} exited with {self._process.returncode}\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise CommandFailed(f"{self.command[0]} was not ready after {timeout} s\n{self.log_tail()}")
            time.sleep(0.05)

    def send(self, number: int) -> None:
        """Send it a signal and do not wait."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout: float) -> int:
        """Wait until it has exited and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 60) -> int:
        """Signal it, wait for its end and return its exit code; one that will not end is killed and is an error."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
            raise CommandFailed(f"{self.command[0]} did not stop within {timeout} s\n{self.log_tail()}") from None


def wait_until(true: Callable[[], bool], what: str, timeout: float = 30) -> None:
    """Wait until true() holds; failing that within the time is an error that names what was waited for."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, f"no {what} within {timeout} s"
        time.sleep(0.02)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def unmount_below(folder: Path) -> None:
    """Undo every mount at or under a folder, the innermost first."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        points = [line.split(" ")[4].replace("\\040", " ") for line in table]
    for point in reversed(points):
        if Path(point).is_relative_to(folder):
            run(["umount", point], check=False)
