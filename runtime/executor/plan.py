"""Plan: all that a new process of a container needs to know, put together before anything is entered."""

from __future__ import annotations

import os

from runtime.executor.documents import compact
from runtime.executor.errors import ExecutorError, InvalidSpec
from runtime.executor.identity import capability_sets
from runtime.executor.loading import module
from runtime.executor.namespaces import Namespaces
from runtime.executor.stub import image, sealed
from runtime.executor.version import SPEC
from runtime.syscall.files import PROC_MAGIC, filesystem_type
from runtime.syscall.namespaces import is_initial_users

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

    from runtime.cgroups.cgroup import Cgroup
    from runtime.executor.filters import Filter
    from runtime.executor.paths import Paths
    from runtime.executor.scheduling import Scheduling


class Plan:
    """One process to start in a container. Descriptors are -1 for none, and closed on exec."""

    def __init__(self, config: dict[str, Any], process: dict[str, Any], group: Cgroup | None, paths: Paths) -> None:
        self.config = config
        self.process = process
        self.group = group
        self.linux: dict[str, Any] = config.get("linux") or {}
        self.namespaces = Namespaces(self.linux)
        self.sets = capability_sets(process.get("capabilities"))
        self.no_new_privileges = bool(process.get("noNewPrivileges"))
        rules = self.linux.get("seccomp")
        self.filter: Filter | None = module("filters").filter_of(rules, paths.filters) if rules else None
        scheduled = process.get("scheduler") or process.get("ioPriority")
        self.scheduling: Scheduling | None = module("scheduling").Scheduling(process) if scheduled else None
        self.console: _socket.socket | None = None
        self.fifo = -1
        # The namespaces the process was forked into.
        self.born_in = 0
        # A container to join: its first process, as pidfd and as number.
        self.init = -1
        self.pid_of_init = 0
        # Not the machine's root: who leaves its namespaces may not be able to come back.
        self.rootless = os.geteuid() != 0 or not is_initial_users()
        self.stub = -1
        # What the stub reads its byte from: the fifo, or a pipe that has it already.
        self.gate = -1
        self.preserved = 0
        self.new_keyring = True
        self.pivot = True
        self.rootfs = ""
        self.bundle = ""
        self.state: dict[str, Any] = {}
        self.joined: dict[str, int] = {}
        self.sources: dict[int, int] = {}
        self.cgroups: dict[str, int] = {}
        # A procfs that is known to be one: paths below /proc inside a container may be anything.
        self.proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if filesystem_type(self.proc) != PROC_MAGIC:
            raise InvalidSpec("/proc of this host is no procfs")

    @property
    def start_hooks(self) -> bool:
        """Whether hooks run between `start` and the program."""
        return bool((self.config.get("hooks") or {}).get("startContainer")) and bool(self.state)

    @property
    def filter_early(self) -> bool:
        """Whether the filter is put up while there are still the privileges for it, and not by the stub."""
        return self.filter is not None and (not self.no_new_privileges or self.filter.notifies)

    def seal(self) -> None:
        """Make the stub: the last step, when the fifo is known. Raise StartFailed."""
        program, flags = b"", 0
        if self.filter is not None and not self.filter_early:
            program, flags = self.filter.program, self.filter.flags
        self.gate = self.fifo
        if self.fifo < 0 or self.start_hooks:
            self.gate, write = os.pipe()
            os.write(write, b"0")
            os.close(write)
        self.stub = sealed(image(self.gate, program, flags))

    def send_listener(self, listener: int, pid: int) -> None:
        """Give the descriptor that answers seccomp to the agent at `listenerPath`, as the specification frames it."""
        rules = self.linux.get("seccomp") or {}
        metadata = str(rules.get("listenerMetadata") or "")
        state = {"ociVersion": SPEC, "fds": ["seccompFd"], "pid": pid, "metadata": metadata}
        text = compact({**state, "state": self.state | {"pid": pid}})
        sockets = module("sockets")
        sockets.send(sockets.connect(str(rules.get("listenerPath"))), text, listener)


def check_preserved(count: int) -> None:
    """Descriptors that are to be passed on must be open. Raise ExecutorError."""
    for descriptor in range(3, 3 + count):
        try:
            os.fstat(descriptor)
        except OSError:
            raise ExecutorError(f"please check that preserved-fd {descriptor - 3} (of {count}) is present") from None
