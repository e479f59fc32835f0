"""Specs as they were when somebody last looked at them: golden/CASE.json, of a host and an image that never change.

`python -m tests.runtime.bundle.golden` writes them anew; look at the difference before it is committed.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from runtime.bundle import spec
from runtime.bundle.given import Given
from runtime.bundle.host import DeviceNode, Host
from runtime.bundle.mount_point import MountPoint
from tests.runtime.bundle.cases import CASES, prepared

FOLDER: Final = Path(__file__).with_name("golden")
HOST: Final = Host(hostname="machine", kernel=(6, 1), cpus=frozenset({0, 1}), cgroup_version=2)
IMAGE: Final[dict[str, Any]] = {
    "Env": ["LANG=C.UTF-8"],
    "Cmd": ["sleep", "30"],
    "WorkingDir": "/tmp",
    "Volumes": {"/data": {}},
    "ExposedPorts": {"80/tcp": {}},
    "Entrypoint": None,
    "Labels": {"a": "b"},
}
AS_DEFAULT: Final = "as in default.json"


def node(path: str, major: int, minor: int) -> DeviceNode:
    return DeviceNode(path=path, type="c", major=major, minor=minor, mode=0o666)


DEVICES: Final[dict[str, tuple[DeviceNode, ...]]] = {
    "/dev/net/tun": (node("/dev/net/tun", 10, 200),),
    "/dev/fuse": (node("/dev/fuse", 10, 229),),
}


def made(case: str) -> dict[str, Any]:
    """The spec of a case as it is now."""
    config, host_config, who, mounts = prepared(case, IMAGE, HOST)
    ready = Given(
        id="0123456789abcdef" * 4,
        root="/root-of-it",
        user=who,
        mounts=tuple(placed(mount) for mount in mounts),
        cgroups_path="/entrepot/it",
        resolv_conf="/it/resolv.conf",
        hosts="/it/hosts",
        hostname="/it/hostname",
        init="/usr/lib/init",
        devices=DEVICES,
        all_devices=(node("/dev/null", 1, 3), node("/dev/kmsg", 1, 11)),
    )
    return spec.spec(config, host_config, ready, HOST)


def placed(mount: MountPoint) -> MountPoint:
    if mount.type != "volume":
        return mount
    return msgspec.structs.replace(mount, source=f"/volumes/{mount.name or 'anonymous'}")


def golden(case: str) -> dict[str, Any]:
    """The spec as it is kept: a seccomp profile that is the default's stands in default.json alone."""
    found = made(case)
    default = made("default")["linux"]["seccomp"]
    if case != "default" and found["linux"].get("seccomp") == default:
        found["linux"]["seccomp"] = AS_DEFAULT
    return found


if __name__ == "__main__":
    for name in CASES:
        (FOLDER / f"{name}.json").write_text(json.dumps(golden(name), indent=1) + "\n")
