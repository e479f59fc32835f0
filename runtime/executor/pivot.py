"""The root of the container's mount namespace: bound, entered, and the old one taken away."""

from __future__ import annotations

import os

from runtime.executor.mount_options import PROPAGATION
from runtime.syscall import mounts as m

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.syscall.kernel import Kernel


def bind_root(kernel: Kernel, rootfs: str, propagation: str) -> int:
    """Cut the namespace off from the host's, bind the root over itself, and return a descriptor of it."""
    kind, recursive = PROPAGATION.get(propagation, (m.MS_SLAVE, True))
    if kind in (m.MS_SHARED, m.MS_UNBINDABLE):
        kind, recursive = m.MS_SHARED if kind == m.MS_SHARED else m.MS_SLAVE, True
    kernel.mount(None, "/", None, kind | (m.MS_REC if recursive else 0))
    if kind == m.MS_SHARED:
        _make_parent_private(kernel, rootfs)
    tree = kernel.open_tree(m.AT_FDCWD, rootfs, m.OPEN_TREE_CLONE | m.AT_RECURSIVE)
    target = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    kernel.move_mount(tree, target)
    os.close(target)
    return tree


def _make_parent_private(kernel: Kernel, rootfs: str) -> None:
    """pivot_root refuses a parent mount that is shared."""
    path = rootfs
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    kernel.mount(None, path, None, m.MS_PRIVATE)


def enter(kernel: Kernel, root: int, *, pivot: bool) -> None:
    """Make a directory that is a mount the root of this mount namespace and stand in it."""
    os.fchdir(root)
    if pivot:
        old = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        kernel.pivot_root(".", ".")
        # The old root lies on the new one now; it is entered so that "." is the old one for sure. What happens to it
        # must not be told to the host, whose mounts would be taken away with it.
        os.fchdir(old)
        os.close(old)
        kernel.mount(None, ".", None, m.MS_SLAVE | m.MS_REC)
        kernel.umount2(".", m.MNT_DETACH)
    else:
        kernel.mount(".", "/", None, m.MS_MOVE)
        os.chroot(".")
    os.chdir("/")


def finish_propagation(kernel: Kernel, propagation: str) -> None:
    """What the specification wants of the root's propagation, where it could not be had before."""
    kind, recursive = PROPAGATION.get(propagation, (0, False))
    if kind in (m.MS_SHARED, m.MS_UNBINDABLE):
        kernel.mount(None, "/", None, kind | (m.MS_REC if recursive else 0))
