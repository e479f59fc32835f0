"""The registry as a real process group which a test can start, kill outright and start again on the same root."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.wire import Cut, Wire


def reserved_port() -> tuple[int, socket.socket]:
    """A port that is this test's as long as the socket is open, whether or not the server runs.

    It lies below the ephemeral range, so that no client's own port can take it while the server is down.
    """
    for port in random.sample(range(20000, 32000), 100):
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        # Now a server that sets this option too may bind and listen beside it, and the bind above fails for others.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return port, holder
    raise RuntimeError("no free port for the server")


def in_session(session: int) -> list[int]:
    """Processes of the session that still run, whoever their parent is now."""
    alive = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            alive.append(int(entry))
    return alive


class Server:
    """`entrepot serve` on a root; the same port for all its lives."""

    def __init__(
        self,
        root: Path,
        log: Path,
        *,
        workers: int = 1,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port, self._holder = reserved_port()
        self.log = log
        self.starts = 0
        serve = [sys.executable, "-m", "registry.cli", "serve", "--root", str(root)]
        self._command = [*prefix, *serve, "--listen", f"127.0.0.1:{self.port}", "--workers", str(workers)]
        outside = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
        places = {"ENTREPOT_LOG_ACCESS_FILE": str(log.with_suffix(".access")), "TMPDIR": str(log.parent)}
        self._environment = {**outside, **places, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start; it may not listen yet."""
        if self._process is not None:
            raise RuntimeError("the server runs already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, start_new_session=True, env=self._environment
            )
        self.starts += 1

    def wait_ready(self, timeout: float = 30.0, path: str = "/readyz") -> None:
        """Wait until the path answers 200."""
        deadline = time.monotonic() + timeout
        last = "no answer"
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise RuntimeError(f"the server ended while it started:\n{self.tail()}")
            try:
                with Wire(self.port, timeout=5.0) as wire:
                    answer = wire.ask("GET", path)
                if answer.status == 200:
                    return
                last = answer.brief()
            except Cut as cut:
                last = str(cut)
            time.sleep(0.01)
        raise RuntimeError(f"{path} did not answer 200 in {timeout:.0f} s, but: {last}\n{self.tail()}")

    def processes(self) -> list[int]:
        """Every process of the server, the first one included."""
        return in_session(self._running().pid)

    @property
    def pid(self) -> int:
        return self._running().pid

    def kill(self) -> None:
        """SIGKILL to the whole group at once; returns when every process is gone."""
        os.killpg(self._running().pid, signal.SIGKILL)
        self._gone()

    def kill_first(self) -> None:
        """SIGKILL to the first process only: the others must not live on without it."""
        os.kill(self._running().pid, signal.SIGKILL)
        self._gone()

    def kill_worker(self, rng: random.Random) -> None:
        """SIGKILL to one of several workers: the server goes on."""
        first = self._running().pid
        os.kill(rng.choice([pid for pid in in_session(first) if pid != first]), signal.SIGKILL)

    def _gone(self) -> None:
        process = self._running()
        process.wait(10)
        self._process = None
        deadline = time.monotonic() + 10
        while left := in_session(process.pid):
            if time.monotonic() > deadline:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise RuntimeError(f"processes outlived the first one: {left}")
            time.sleep(0.002)

    def stop(self, timeout: float = 30.0) -> int:
        """SIGTERM, as an operator stops it; answers the exit status."""
        process = self._running()
        process.terminate()
        status = process.wait(timeout)
        self._process = None
        return status

    def close(self) -> None:
        """Kill it if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._process = None

    def forget(self) -> None:
        """Leave nothing behind, and give the port back."""
        self.close()
        self._holder.close()

    def tail(self, size: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def tracebacks(self) -> str:
        """What the log shows from the first unhandled exception on, or nothing."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        at = text.find("Traceback (most recent call last)")
        return text[max(0, at - 500) : at + 3500] if at >= 0 else ""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the server does not run")
        return self._process

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
