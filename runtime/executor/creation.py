"""Making a container: its state, its control group, its first process up to the moment before the program."""

from __future__ import annotations

import errno
import os

from runtime.cgroups.devices import DEFAULT_RULES
from runtime.cgroups.errors import CgroupError
from runtime.cgroups.hierarchies import group as new_group
from runtime.executor import specification, state
from runtime.executor.cgroup_mounts import open_sources
from runtime.executor.departure import leave_namespaces
from runtime.executor.documents import compact
from runtime.executor.errors import ExecutorError, InvalidSpec
from runtime.executor.hooks import run_hooks
from runtime.executor.init import arrive
from runtime.executor.launch import Launch
from runtime.executor.loading import module
from runtime.executor.mount_options import MountOptions
from runtime.executor.mounts import open_source
from runtime.executor.paths import Paths, replace
from runtime.executor.plan import Plan, check_preserved
from runtime.executor.version import SPEC
from runtime.syscall.linux import Linux
from runtime.syscall.namespaces import is_initial_users

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

    from runtime.cgroups.cgroup import Cgroup
    from runtime.executor.state import State


class Creation:
    """One container to make; the fields below `bundle` are the caller's wishes."""

    def __init__(self, root: str, identity: str, bundle: str) -> None:
        self.paths = Paths(root, identity)
        self.identity = identity
        self.bundle = os.path.abspath(bundle)
        self.pid_file = ""
        self.waits = True
        self.pivot = True
        self.new_keyring = True
        self.preserved = 0
        self.console: _socket.socket | None = None
        self.config = specification.read(self.bundle)

    def make(self) -> State:
        """Make it. Raise ExecutorError, CgroupError or OSError; then nothing of it is left."""
        if not self.config.get("process"):
            raise InvalidSpec("process property must not be empty")
        rootfs = specification.rootfs_of(self.config, self.bundle)
        os.makedirs(os.path.dirname(self.paths.directory), 0o700, exist_ok=True)
        try:
            os.mkdir(self.paths.directory, 0o711)
        except FileExistsError:
            raise ExecutorError(f"container with id exists: {self.identity}") from None
        group: Cgroup | None = None
        try:
            group = self._group()
            return self._launch(rootfs, group)
        except BaseException:
            self._undo(group)
            raise

    def _group(self) -> Cgroup | None:
        """Its control group; without root, one that cannot be had is done without if no limit needs it."""
        linux = self.config.get("linux") or {}
        path = str(linux.get("cgroupsPath") or "")
        try:
            made = new_group(path, self.identity)
            made.create()
        except (OSError, CgroupError) as error:
            denied = isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            if not _is_root() and (denied or isinstance(error, CgroupError)) and not self._limits(linux):
                return None
            raise
        return made

    @staticmethod
    def _limits(linux: dict[str, Any]) -> bool:
        resources = linux.get("resources") or {}
        return any(value for name, value in resources.items() if name != "devices")

    def _launch(self, rootfs: str, group: Cgroup | None) -> State:
        values = {
            "ociVersion": SPEC,
            "id": self.identity,
            "pid": 0,
            "started": 0,
            "creator": os.getpid(),
            "bundle": self.bundle,
            "rootfs": rootfs,
            "created": state.now(),
            "owner": os.geteuid(),
            "annotations": self.config.get("annotations") or {},
            "cgroup_paths": group.paths() if group is not None else {},
            "hooks": sorted(name for name, each in (self.config.get("hooks") or {}).items() if each),
        }
        made = state.State(self.paths, values)
        replace(self.paths.config, compact(self.config))
        plan = self._plan(rootfs, group, made)

        def born(pid: int) -> None:
            made.values["pid"] = pid
            made.values["started"] = state.started(pid)
            made.save()
            if group is not None:
                limit(group, self.config.get("linux") or {})

        def ready() -> None:
            document = made.document("creating")
            run_hooks(self.config, "prestart", document)
            run_hooks(self.config, "createRuntime", document)

        Launch(plan, born, ready).run(arrive, leave_namespaces)
        if self.pid_file:
            replace(os.path.abspath(self.pid_file), str(made.pid), 0o644)
        return made

    def _plan(self, rootfs: str, group: Cgroup | None, made: State) -> Plan:
        plan = Plan(self.config, self.config["process"], group, self.paths)
        plan.rootfs, plan.bundle = rootfs, self.bundle
        plan.state = made.document("creating")
        plan.pivot, plan.new_keyring, plan.preserved = self.pivot, self.new_keyring, self.preserved
        plan.console = self.console
        check_preserved(plan.preserved)
        plan.joined = plan.namespaces.open()
        plan.sources = self._sources(plan)
        if plan.namespaces.has("user") and group is not None and os.geteuid() == 0:
            plan.cgroups = open_sources(group)
        if self.waits:
            os.mkfifo(self.paths.fifo, 0o600)
            # Open for both, so that reading waits for a byte and not for a process to open it.
            plan.fifo = os.open(self.paths.fifo, os.O_RDWR | os.O_CLOEXEC)
        plan.seal()
        return plan

    def _sources(self, plan: Plan) -> dict[int, int]:
        """The trees of bind mounts, opened while we may: in a user namespace the container's root may not.

        Without one, those in which ids are mapped. Raise InvalidSpec, StartFailed.
        """
        kernel, found = Linux(), dict[int, int]()
        users = plan.namespaces.has("user") and os.geteuid() == 0
        for place, mount in enumerate(self.config.get("mounts") or []):
            options = MountOptions(list(mount.get("options") or []), bind=mount.get("type") == "bind")
            mapped = options.mapped or bool(mount.get("uidMappings"))
            if options.bind and (users or mapped):
                found[place] = open_source(kernel, self.bundle, str(mount["source"]), recursive=options.recursive)
            if mapped:
                module("idmaps").map_ids(found[place], mount, options, plan.linux, plan.joined.get("user", -1))
        return found

    def _undo(self, group: Cgroup | None) -> None:
        for path in (self.paths.state, self.paths.config, self.paths.fifo):
            if os.path.exists(path):
                os.unlink(path)
        os.rmdir(self.paths.directory)
        if group is not None:
            group.kill()
            group.remove()


def _is_root() -> bool:
    """Whether this is root of the machine, and not of a user namespace."""
    return os.geteuid() == 0 and is_initial_users()


def limit(group: Cgroup, linux: dict[str, Any]) -> None:
    """Set the limits and the devices a container may use. Raise CgroupError, OSError."""
    resources = linux.get("resources") or {}
    group.apply(resources)
    if _is_root():
        group.allow_devices([*(resources.get("devices") or []), *DEFAULT_RULES])
