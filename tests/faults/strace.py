"""strace on a running server: what it asks of the kernel and in which order, and calls made to fail on purpose."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class Call(NamedTuple):
    """One system call; `began` and `ended` are places in the order in which the kernel was entered and left."""

    name: str
    arguments: str
    result: str
    began: int
    ended: int

    @property
    def ok(self) -> bool:
        return not self.result.startswith("-1")

    @property
    def path(self) -> str:
        """The file behind the descriptor that is the first argument."""
        found = re.match(r"\d+<([^>]*)>", self.arguments)
        return found[1] if found else ""

    def paths(self) -> list[str]:
        """The names in the arguments, made absolute."""
        found = re.findall(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', self.arguments)
        return [os.path.join(folder or "/", name) for folder, name in found]


_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_WHOLE = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>.*)")
_BEGUN = re.compile(r"(?P<name>\w+)\((?P<arguments>.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<arguments>.*)\) += (?P<result>.*)")


def parse(lines: Iterable[str]) -> list[Call]:
    """The calls of a log written with -f, in the order in which they ended."""
    calls: list[Call] = []
    begun: dict[str, tuple[str, int]] = {}
    for place, line in enumerate(lines):
        found = _LINE.match(line)
        if found is None:
            continue
        pid, rest = found["pid"], found["rest"]
        if resumed := _RESUMED.match(rest):
            arguments, began = begun.pop(pid, ("", place))
            calls.append(
                Call(resumed["name"], arguments + resumed["arguments"], resumed["result"].strip(), began, place)
            )
        elif started := _BEGUN.match(rest):
            begun[pid] = (started["arguments"], place)
        elif whole := _WHOLE.match(rest):
            calls.append(Call(whole["name"], whole["arguments"], whole["result"].strip(), place, place))
    return calls


class Strace:
    """Attached to these processes and their threads from `__enter__` until `__exit__`."""

    def __init__(self, pids: Sequence[int], log: Path, options: Sequence[str]) -> None:
        self._log = log
        targets = [argument for pid in pids for argument in ("-p", str(pid))]
        self._command = ["strace", "-f", "-y", "-s", "512", "-o", str(log), *options, *targets]
        self._pids = pids
        self._process: subprocess.Popen[bytes] | None = None

    def calls(self) -> list[Call]:
        """What was seen; complete after `__exit__`."""
        return parse(self._log.read_text(errors="replace").splitlines())

    def __enter__(self) -> "Strace":
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        self._settle()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        # The server's last call may be seen by its client before strace has written it down.
        self._settle()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)

    def _settle(self) -> None:
        """Wait until every thread is traced and runs or sleeps, and strace waits for what they do next."""
        assert self._process is not None
        deadline, quiet = time.monotonic() + 20, 0
        while quiet < 5:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"strace does not trace: {' '.join(self._command)}")
            time.sleep(0.02)
            quiet = quiet + 1 if self._is_quiet(self._process.pid) else 0

    def _is_quiet(self, tracer: int) -> bool:
        threads = [_status(path) for pid in self._pids for path in Path("/proc", str(pid), "task").glob("*/status")]
        ours = [status for status in threads if status]
        idle = all(status["TracerPid"] == str(tracer) and status["State"][0] != "t" for status in ours)
        return bool(ours) and idle and _status(Path("/proc", str(tracer), "status")).get("State", "")[:1] == "S"


def _status(path: Path) -> dict[str, str]:
    """The fields of a status file of /proc; none when the thread has ended."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def fail(call: str, error: str, paths: Iterable[Path] = ()) -> list[str]:
    """Options that make these calls fail with the error; those on these files alone, when any are named."""
    return [*(f"--trace-path={path}" for path in paths), f"--trace={call}", f"--inject={call}:error={error}"]
