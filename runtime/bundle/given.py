"""What the engine has made ready for a container before its spec is written: paths, ids, resolved mounts."""

import msgspec

from runtime.bundle.host import DeviceNode
from runtime.bundle.mount_point import MountPoint
from runtime.bundle.user import User


class IdMap(msgspec.Struct, frozen=True, kw_only=True):
    """A range of ids of the container and where it lies on the host."""

    container: int = 0
    host: int
    size: int


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is. An empty path means that there is none and the runtime makes its own or nothing."""

    id: str
    root: str
    user: User = User()
    mounts: tuple[MountPoint, ...] = ()
    """With every source a path of the host, folders of volumes included."""
    cgroups_path: str = ""
    resolv_conf: str = ""
    hosts: str = ""
    hostname: str = ""
    shm: str = ""
    """A folder to stand at /dev/shm: that of the container whose ipc namespace is joined, or a shareable one."""
    init: str = ""
    """The program that becomes process 1 with --init."""
    network_namespace: str = ""
    pid_namespace: str = ""
    ipc_namespace: str = ""
    user_namespace: str = ""
    uid_maps: tuple[IdMap, ...] = ()
    gid_maps: tuple[IdMap, ...] = ()
    devices: dict[str, tuple[DeviceNode, ...]] = {}
    """What `host.device_nodes` found at each path of the host that HostConfig.devices names."""
    all_devices: tuple[DeviceNode, ...] = ()
    """What `host.all_devices` found, for a privileged container."""
    annotations: dict[str, str] = {}

    @property
    def remapped(self) -> bool:
        """Whether the container lives in a user namespace of its own."""
        return bool(self.uid_maps)
