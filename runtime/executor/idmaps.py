"""Binds whose files have other owners in the container: mounts that map ids, made while we are the host's root."""

from __future__ import annotations

import os

from runtime.executor.errors import InvalidSpec, StartFailed
from runtime.syscall import mounts as m
from runtime.syscall.namespaces import CLONE_NEWUSER
from runtime.syscall.users import Ids, stand_in, write_maps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runtime.executor.mount_options import MountOptions
    from runtime.syscall.users import Ranges


def map_ids(tree: int, mount: dict[str, Any], options: MountOptions, linux: dict[str, Any], users: int) -> None:
    """Map the ids of a detached tree by the mount's own maps, or by those of the container's user namespace.

    `users` is a descriptor of that if it is one to join, else -1. Raise InvalidSpec, StartFailed.
    """
    own = mount.get("uidMappings")
    if os.geteuid():
        raise StartFailed(f"only root can map ids in the mount of {mount['source']}")
    if users >= 0 and not own:
        _set(tree, users, mount, recursive=options.mapped_recursively)
        return
    maps = mount if own else linux
    if not maps.get("uidMappings"):
        raise InvalidSpec(f"the mount on {mount['destination']} is to have ids mapped, and there is no map for them")
    with stand_in(CLONE_NEWUSER) as process:
        write_maps(process, Ids(_ranges(maps["uidMappings"]), _ranges(maps["gidMappings"])))
        made = os.open(f"/proc/{process}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set(tree, made, mount, recursive=options.mapped_recursively)
        finally:
            os.close(made)


def _set(tree: int, users: int, mount: dict[str, Any], *, recursive: bool) -> None:
    try:
        m.mount_setattr(tree, m.MOUNT_ATTR_IDMAP, recursive=recursive, userns=users)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise StartFailed(f"cannot map ids in the mount of {mount['source']}: {reason}") from None


def _ranges(maps: list[dict[str, int]]) -> Ranges:
    return tuple((int(each["containerID"]), int(each["hostID"]), int(each["size"])) for each in maps)
