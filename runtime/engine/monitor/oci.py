"""The OCI runtime, called by its command line and waited for."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence

# What we ignore ourselves must not be ignored in the container: a shell there could not even trap it.
_DEFAULT_SIGNALS = (signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)

UMASK = 0o022
"""An OCI runtime's: what it makes, control groups above all, others may see."""

FileAction = tuple[int, int, int] | tuple[int, int]


class RuntimeFailed(Exception):
    """The OCI runtime refused; `code` is the exit code docker has for it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = code_for(message)


def code_for(message: str) -> int:
    """126 when what was asked for cannot be executed, 127 when it is not there, 128 for anything else."""
    low = message.lower()
    if "executable file not found" in low or "no such file or directory" in low:
        return 127
    if "permission denied" in low or "is a directory" in low:
        return 126
    return 128


class Oci:
    """The verbs of an OCI runtime for one container."""

    def __init__(self, program: Sequence[str], root: str, id: str, log: str) -> None:
        self.id = id
        self._program = [*program, "--root", root, "--log", log, "--log-format", "json"]
        self._log = log

    def run(self, *words: str, stdio: Mapping[int, int] | None = None) -> None:
        """Run a verb to its end; `stdio` says what its descriptors 0 to 2 are. Raises RuntimeFailed."""
        self._forget_log()
        pid = self.spawn(*words, stdio=stdio)
        _, status = os.waitpid(pid, 0)
        if status:
            raise RuntimeFailed(self.said() or f"{self._program[0]} {words[0]} failed with status {status}")

    def spawn(self, *words: str, stdio: Mapping[int, int] | None = None) -> int:
        """Begin a verb; the answer is its process. Raises RuntimeFailed."""
        given = dict(stdio or {})
        actions: list[tuple[int, int, int]] = [
            (os.POSIX_SPAWN_DUP2, given[number], number) for number in (0, 1, 2) if number in given
        ]
        umask = os.umask(UMASK)
        try:
            return os.posix_spawn(
                self._program[0],
                [*self._program, *words],
                os.environ,
                file_actions=actions,
                setsigdef=_DEFAULT_SIGNALS,
            )
        except OSError as error:
            raise RuntimeFailed(f"{self._program[0]}: {(error.strerror or '').lower()}") from None
        finally:
            os.umask(umask)

    def said(self) -> str:
        """What the last run had to say, shortened to the last error."""
        try:
            with open(self._log, "rb") as file:
                lines = file.read(65536).splitlines()
        except OSError:
            return ""
        for line in reversed(lines):
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict) and told.get("level") in ("error", "fatal"):
                return str(told.get("msg", ""))
        return ""

    def _forget_log(self) -> None:
        try:
            os.truncate(self._log, 0)
        except OSError:
            return
