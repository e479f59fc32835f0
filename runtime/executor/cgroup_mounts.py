"""A mount of type cgroup: version 2 as it is, version 1 as a tmpfs with a directory for each hierarchy."""

from __future__ import annotations

import os

from runtime.cgroups import hierarchies
from runtime.syscall import mounts as m
from runtime.syscall.linux import Linux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.cgroups.cgroup import Cgroup
    from runtime.executor.mount_options import MountOptions
    from runtime.executor.resolve import Root

_FLAGS = m.MOUNT_ATTR_NOSUID | m.MOUNT_ATTR_NODEV | m.MOUNT_ATTR_NOEXEC


def open_sources(group: Cgroup) -> dict[str, int]:
    """The trees that will be shown of a group, opened while we may: the users of a container may not go there."""
    kernel = Linux()
    return {each: kernel.open_tree(m.AT_FDCWD, each, m.OPEN_TREE_CLONE) for each in set(group.paths().values())}


def mount_cgroups(root: Root, destination: str, options: MountOptions, sources: dict[str, int], *, own: bool) -> None:
    """Show the container its control groups; with a cgroup namespace of its own they are mounted anew.

    `sources` are those that `open_sources` has opened, by path.
    """
    attributes = options.set | _FLAGS
    target = root.directory(destination, links=False)
    try:
        if hierarchies.unified():
            _unified(root, target, attributes, sources, own=own)
        else:
            _attach(root, root.kernel.new_mount("tmpfs", "tmpfs", ["mode=755"], _FLAGS), target)
            _version_1(root, destination, attributes, sources, own=own)
    finally:
        os.close(target)


def _unified(root: Root, target: int, attributes: int, sources: dict[str, int], *, own: bool) -> None:
    if own:
        try:
            _attach(root, root.kernel.new_mount("cgroup2", "cgroup", [], attributes), target)
            return
        except PermissionError:
            pass  # a user namespace without a cgroup namespace: show the host's, where nothing may be written
    shown = hierarchies.ROOT + (hierarchies.own().get("", "/").rstrip("/") if own else "")
    _bind(root, shown, target, attributes, sources)


def _version_1(root: Root, destination: str, attributes: int, sources: dict[str, int], *, own: bool) -> None:
    mine = hierarchies.own()
    points: dict[str, list[str]] = {}
    for controller, (point, _) in hierarchies.mounted().items():
        if controller:
            points.setdefault(point, []).append(controller)
    for point, controllers in points.items():
        name = os.path.basename(point)
        target = root.directory(f"{destination}/{name}", links=False)
        try:
            if own:
                source = "systemd" if controllers[0].startswith("name=") else "cgroup"
                _attach(root, root.kernel.new_mount("cgroup", source, controllers, attributes), target)
            else:
                _bind(root, point + mine.get(controllers[0], "/").rstrip("/"), target, attributes, sources)
        finally:
            os.close(target)
        parent = root.directory(destination, links=False)
        try:
            for controller in controllers:
                if "," in name and controller in name.split(","):
                    os.symlink(name, controller, dir_fd=parent)
        finally:
            os.close(parent)


def _attach(root: Root, tree: int, target: int) -> None:
    try:
        root.kernel.move_mount(tree, target)
    finally:
        os.close(tree)


def _bind(root: Root, source: str, target: int, attributes: int, sources: dict[str, int]) -> None:
    tree = sources.pop(source, -1)
    if tree < 0:
        tree = root.kernel.open_tree(m.AT_FDCWD, source, m.OPEN_TREE_CLONE)
    root.kernel.mount_setattr(tree, attributes)
    _attach(root, tree, target)
