"""The mounts of the specification: each is made detached, given its attributes, and attached to a descriptor."""

from __future__ import annotations

import os
import stat

from runtime.executor.cgroup_mounts import mount_cgroups
from runtime.executor.copy_up import copy_tree
from runtime.executor.errors import InvalidSpec, StartFailed, describe
from runtime.executor.mount_options import MountOptions
from runtime.syscall import mounts as m
from runtime.syscall.files import PROC_MAGIC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.resolve import Root
    from runtime.syscall.kernel import Kernel

# What may be mounted over inside procfs: files that tell of the host and are commonly replaced.
_PROC_ALLOWED = (
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "net/dev",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
)


class Mounts:
    """The mounts of one container.

    `sources` are trees opened before a user namespace was entered, by place; `cgroups` are those of groups, by path.
    """

    def __init__(
        self,
        root: Root,
        rootfs: str,
        bundle: str,
        sources: dict[int, int],
        cgroups: dict[str, int],
        *,
        own_cgroups: bool,
    ) -> None:
        self.root = root
        self._rootfs = rootfs
        self._bundle = bundle
        self._sources = sources
        self._cgroups = cgroups
        self._own_cgroups = own_cgroups
        # Descriptors of mounts that become read-only when everything in them is made.
        self.later_read_only: list[int] = []

    def attach(self, place: int, mount: dict[str, Any]) -> None:
        """Make one mount. Raise StartFailed with runc's words."""
        destination = str(mount["destination"])
        try:
            self._attach(place, mount, "/" + destination.lstrip("/"))
        except (OSError, InvalidSpec) as error:
            source = mount.get("source", "")
            text = f'error mounting "{source}" to rootfs at "{destination}": {describe(error)}'
            raise StartFailed(f"error during container init: {text}") from None

    def _attach(self, place: int, mount: dict[str, Any], destination: str) -> None:
        kind = str(mount.get("type") or "")
        options = MountOptions(list(mount.get("options") or []), bind=kind == "bind")
        if options.bind:
            self._bind(place, str(mount["source"]), destination, options)
        elif kind == "cgroup":
            mount_cgroups(self.root, destination, options, self._cgroups, own=self._own_cgroups)
        elif kind:
            self._filesystem(kind, str(mount.get("source") or kind), destination, options)
        else:
            raise InvalidSpec("the mount has no type and is no bind")

    def _bind(self, place: int, source: str, destination: str, options: MountOptions) -> None:
        tree = self._sources.get(place)
        if tree is None:
            tree = open_source(self.root.kernel, self._bundle, source, recursive=options.recursive)
        try:
            directory = stat.S_ISDIR(os.fstat(tree).st_mode)
            target = self.root.directory(destination) if directory else self.root.file(destination)
            try:
                self._check_target(target, is_proc=self.root.kernel.filesystem_type(tree) == PROC_MAGIC)
                self._finish(tree, target, options)
            finally:
                os.close(target)
        finally:
            os.close(tree)

    def _filesystem(self, kind: str, source: str, destination: str, options: MountOptions) -> None:
        strict = kind in ("proc", "sysfs")  # these must stand where they are said to (CVE-2019-19921)
        existed = self._exists(destination)
        target = self.root.directory(destination, links=not strict)
        try:
            self._check_target(target, is_proc=kind == "proc")
            data = options.data
            if kind == "tmpfs" and existed:
                data = [f"mode={stat.S_IMODE(os.fstat(target).st_mode):o}", *data]
            if kind in ("proc", "sysfs", "mqueue") and options.read_only:
                data = [*data, "ro"]
            tree = self.root.kernel.new_mount(kind, source, data, 0)
            if options.copy_up:
                copy_tree(self.root.open(destination, os.O_RDONLY | os.O_DIRECTORY), tree)
            if options.read_only and (kind == "tmpfs" or destination == "/dev"):
                options.set &= ~m.MOUNT_ATTR_RDONLY
                self.later_read_only.append(tree)
            self._finish(tree, target, options)
            if tree not in self.later_read_only:
                os.close(tree)
        finally:
            os.close(target)

    def _exists(self, destination: str) -> bool:
        try:
            os.close(self.root.open(destination))
        except FileNotFoundError:
            return False
        return True

    def _finish(self, tree: int, target: int, options: MountOptions) -> None:
        kernel = self.root.kernel
        if options.set or options.clear:
            kernel.mount_setattr(tree, options.set, options.clear)
        if options.recursive_set or options.recursive_clear:
            kernel.mount_setattr(tree, options.recursive_set, options.recursive_clear, recursive=True)
        kernel.move_mount(tree, target)
        for propagation, recursive in options.propagation:
            kernel.mount_setattr(tree, 0, 0, propagation, recursive=recursive)

    def _check_target(self, target: int, *, is_proc: bool) -> None:
        """Refuse the root itself, and places in procfs where a mount would deceive the runtime (CVE-2019-16884)."""
        path = os.readlink(f"/proc/self/fd/{target}")
        if path == self._rootfs:
            raise InvalidSpec("a mount on the root itself is not possible")
        if not path.startswith(self._rootfs.rstrip("/") + "/"):
            raise InvalidSpec(f"{path} is outside of the rootfs")
        inside = path[len(self._rootfs.rstrip("/")) + 1 :]
        if inside == "proc" or not inside.startswith("proc/") or is_proc:
            return
        if self.root.kernel.filesystem_type(target) == PROC_MAGIC and inside[5:] not in _PROC_ALLOWED:
            raise InvalidSpec(f"/{inside} is inside of procfs and must not be mounted over")


def open_source(kernel: Kernel, bundle: str, source: str, *, recursive: bool) -> int:
    """A detached copy of the tree a bind mount shows; a relative source is the bundle's."""
    flags = m.OPEN_TREE_CLONE | (m.AT_RECURSIVE if recursive else 0)
    return kernel.open_tree(m.AT_FDCWD, os.path.join(bundle, source), flags)
