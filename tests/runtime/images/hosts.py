"""Hosts of the tests: each has roots and a home of its own and uses the `entrepot` command as a user does."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.processes import clean_environment, run

COMMAND = [sys.executable, "-m", "runtime.cli"]


class Host:
    """One pair of roots."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.root = folder / "root"
        self.environment = clean_environment(folder) | {
            "ENTREPOT_RUNTIME_ROOT": str(self.root),
            "ENTREPOT_RUNTIME_RUN_ROOT": str(folder / "run"),
            "DOCKER_CONFIG": str(folder / "docker"),
            "PYTHONPATH": os.getcwd(),
        }

    def run(self, *words: str | Path, given: bytes | None = None) -> str:
        """Run the command, which succeeds; what it printed."""
        return run([*COMMAND, *words], env=self.environment, given=given).out

    def raw(self, *words: str | Path) -> bytes:
        """The same, as bytes."""
        return run([*COMMAND, *words], env=self.environment).raw

    def refused(self, *words: str | Path, code: int = 1, given: bytes | None = None) -> str:
        """Run the command, which fails with a line; the line."""
        done = run([*COMMAND, *words], env=self.environment, given=given, check=False)
        assert done.code == code, done
        assert done.err.startswith("entrepot: "), done.err
        assert "Traceback" not in done.err
        return done.err

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """Start the command in the background."""
        command = [*COMMAND, *map(str, words)]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def inspect(self, name: str) -> dict[str, Any]:
        """The one document of `image inspect`."""
        [document] = json.loads(self.run("image", "inspect", name))
        found: dict[str, Any] = document
        return found

    def content(self) -> set[str]:
        """The digests of all blobs kept."""
        return {f"sha256:{path.parent.name}" for path in self.root.glob("content/docker/**/data")}

    def blob(self, digest: str) -> Path:
        """Where a blob is kept."""
        digits = digest.removeprefix("sha256:")
        return self.root / "content/docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"


def interrupt_another_thread(process: subprocess.Popen[bytes]) -> None:
    """Send SIGINT to a thread that is not the main one, which the main one then does not wake up for."""
    threads = [int(name) for name in os.listdir(f"/proc/{process.pid}/task")]
    libc = ctypes.CDLL(None, use_errno=True)
    sent = libc.tgkill(process.pid, max(set(threads) - {process.pid}), signal.SIGINT)
    assert sent == 0, os.strerror(ctypes.get_errno())


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process as kill -9 does."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
