"""Our own OCI runtime, spared most of what its command line costs: a new Python for each verb.

`create` is done by a fork of the monitor (see `creator`); `start` is a byte in a fifo, and `delete` of what has ended
some files and groups less: the monitor does both itself, with the runtime's own code, loaded when it is needed. All
else, and whatever is not as it should be, goes by the command line as with any other runtime.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from runtime.engine.monitor.creator import Creator
from runtime.engine.monitor.oci import Oci, RuntimeFailed

_EXECUTOR = "runtime.executor"


class BuiltinOci(Oci):
    """The verbs of our own runtime; `creator` is a fork that is ready for the first start."""

    def __init__(self, program: Sequence[str], root: str, id: str, log: str, creator: Creator | None) -> None:
        super().__init__(program, root, id, log)
        self._root = root
        self._creator = creator

    def run(self, *words: str, stdio: Mapping[int, int] | None = None) -> None:
        """Run a verb to its end. Raises RuntimeFailed."""
        if words[0] == "create" and sys.getfilesystemencoding() == "utf-8":  # as the runtime's own Python has it
            self._create(words, stdio or {})
        elif words == ("start", self.id):
            self._start()
        elif words != ("delete", self.id) or not self._delete():
            super().run(*words, stdio=stdio)

    def _create(self, words: Sequence[str], stdio: Mapping[int, int]) -> None:
        self._forget_log()
        creator, self._creator = self._creator or Creator(), None
        if status := creator.create([*self._program[1:], *words], stdio):
            raise RuntimeFailed(self.said() or f"{self._program[0]} {words[0]} failed with status {status}")

    def _start(self) -> None:
        errors, paths, gate = (import_module(f"{_EXECUTOR}.{name}") for name in ("errors", "paths", "gate"))
        try:
            gate.let_go(paths.Paths(self._root, self.id).fifo)
        except errors.ExecutorError as error:
            raise RuntimeFailed(str(error)) from None

    def _delete(self) -> bool:
        """Remove what is left of a container that has ended; whether that was all there was to do."""
        errors, state, ending, log = (
            import_module(f"{_EXECUTOR}.{name}") for name in ("errors", "state", "ending", "log")
        )
        try:
            found = state.load(self._root, self.id)
            if found.status() != "stopped" or found.values["hooks"]:
                return False
            ending.destroy(found, log.Log(self._log, "json"))
        except (OSError, errors.ExecutorError):
            return False
        return True
