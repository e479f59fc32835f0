"""config.json: read, and refused early where it asks for what cannot be done. Nothing here touches the system."""

from __future__ import annotations

import os

from runtime.executor import documents
from runtime.executor.errors import InvalidSpec
from runtime.executor.mount_options import PROPAGATION
from runtime.executor.namespaces import Namespaces
from runtime.executor.process import check_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNSUPPORTED = ("intelRdt", "timeOffsets", "memoryPolicy", "netDevices")
_SYSCTLS = {
    "ipc": ("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax"),
    "uts": ("kernel.domainname",),
}
_MORE_IPC = ("kernel.shmmni", "kernel.shm_rmid_forced")


def read(bundle: str) -> dict[str, Any]:
    """The specification of a bundle. Raise InvalidSpec, OSError."""
    try:
        config = documents.read(f"{bundle}/config.json")
    except FileNotFoundError:
        raise InvalidSpec(
            f"JSON specification file {bundle}/config.json not found: no such file or directory"
        ) from None
    check(config)
    return config


def check(config: dict[str, Any]) -> None:
    """Refuse what cannot be done. Raise InvalidSpec."""
    version = str(config.get("ociVersion") or "")
    if not version.startswith("1."):
        raise InvalidSpec(f"unsupported spec version {version!r}: this program knows version 1")
    if not (config.get("root") or {}).get("path"):
        raise InvalidSpec("root.path must not be empty")
    linux = config.get("linux") or {}
    namespaces = Namespaces(linux)
    for name in _UNSUPPORTED:
        if linux.get(name) and not (name == "timeOffsets" and namespaces.is_new("time")):
            raise InvalidSpec(f"linux.{name} is not supported")
    _check_namespaces(config, linux, namespaces)
    _check_sysctls(linux.get("sysctl") or {}, namespaces)
    if (linux.get("rootfsPropagation") or "private") not in PROPAGATION:
        raise InvalidSpec(f"unknown rootfsPropagation {linux['rootfsPropagation']!r}")
    if config.get("process"):
        check_process(config["process"])


def _check_namespaces(config: dict[str, Any], linux: dict[str, Any], namespaces: Namespaces) -> None:
    if not namespaces.has("mount"):
        raise InvalidSpec("a container needs a mount namespace")
    if config.get("hostname") and not namespaces.has("uts"):
        raise InvalidSpec("unable to set hostname without a private UTS namespace")
    if config.get("domainname") and not namespaces.has("uts"):
        raise InvalidSpec("unable to set domainname without a private UTS namespace")
    mapped = linux.get("uidMappings") or linux.get("gidMappings")
    if mapped and not namespaces.has("user"):
        raise InvalidSpec("user namespace mappings specified, but user namespace isn't enabled in the config")
    if namespaces.is_new("user") and not (linux.get("uidMappings") and linux.get("gidMappings")):
        raise InvalidSpec("a user namespace needs uidMappings and gidMappings")
    masked = linux.get("maskedPaths") or linux.get("readonlyPaths")
    if masked and not namespaces.has("mount"):
        raise InvalidSpec("unable to restrict sys entries without a private MNT namespace")
    for place, mount in enumerate(config.get("mounts") or []):
        if not mount.get("destination"):
            raise InvalidSpec(f"mounts[{place}] has no destination")
        options = mount.get("options") or ()
        maps = [bool(mount.get(name)) for name in ("uidMappings", "gidMappings")]
        if any(maps) and not all(maps):
            raise InvalidSpec(f"mounts[{place}] needs both uidMappings and gidMappings")
        bind = mount.get("type") == "bind" or "bind" in options or "rbind" in options
        if not bind and (any(maps) or "idmap" in options or "ridmap" in options):
            raise InvalidSpec(f"mounts[{place}]: ids can be mapped in bind mounts only")


def _check_sysctls(sysctls: dict[str, str], namespaces: Namespaces) -> None:
    """Only what belongs to a namespace of the container may be set: the rest is the host's."""
    for name in sysctls:
        plain = name.replace("/", ".")
        if plain in (*_SYSCTLS["ipc"], *_MORE_IPC) or plain.startswith("fs.mqueue."):
            kind = "ipc"
        elif plain in _SYSCTLS["uts"]:
            kind = "uts"
        elif plain.startswith("net."):
            kind = "network"
        else:
            raise InvalidSpec(f'sysctl "{name}" is not in a separate kernel namespace')
        if not namespaces.has(kind) or ".." in name:
            raise InvalidSpec(f'sysctl "{name}" is not allowed in the host\'s {kind} namespace')


def rootfs_of(config: dict[str, Any], bundle: str) -> str:
    """The root filesystem's directory, links resolved. Raise InvalidSpec if it is none."""
    path = os.path.realpath(os.path.join(bundle, str(config["root"]["path"])))
    if not os.path.isdir(path):
        raise InvalidSpec(f"rootfs ({path}) does not exist: no such file or directory")
    return path
