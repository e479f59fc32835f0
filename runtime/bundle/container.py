"""What a container is asked to be, in the words and the JSON spelling of docker's `inspect`.

`ContainerConfig` travels with the container and `commit` makes an image of it; `HostConfig` is what it gets of this
host; `NetworkingConfig` is what it is on each network it joins. Values are checked where they are read: by the
grammars next to this file for a command line, by `spec` for everything else. All structs round trip through
msgspec.json; a field that is None was not asked for.
"""

from typing import Final

import msgspec

DEFAULT_SHM_SIZE: Final = 64 * 2**20
"""Bytes of /dev/shm by default."""


class Healthcheck(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """How health is asked for. Times in nanoseconds, 0 meaning docker's default; test is ("NONE",) when turned off."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class ContainerConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What runs and how it presents itself. After `image.merge` no default of the image is missing."""

    hostname: str = ""
    domainname: str = ""
    user: str = ""
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    exposed_ports: dict[str, dict[str, str]] = {}
    tty: bool = False
    open_stdin: bool = False
    stdin_once: bool = False
    env: tuple[str, ...] = ()
    """NAME=value each, the name at most once; a bare NAME takes a variable of the image away."""
    cmd: tuple[str, ...] | None = None
    healthcheck: Healthcheck | None = None
    image: str = ""
    volumes: dict[str, dict[str, str]] = {}
    working_dir: str = ""
    entrypoint: tuple[str, ...] | None = None
    """None: the image's. Asked for as one empty string: none at all."""
    labels: dict[str, str] = {}
    stop_signal: str = ""
    stop_timeout: int | None = None
    """Seconds."""


class PortBinding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a port is published. No address: all of them; no port: any that is free, or of a range `8000-8010`."""

    host_ip: str = msgspec.field(default="", name="HostIp")
    host_port: str = msgspec.field(default="", name="HostPort")


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """no, on-failure, always or unless-stopped; maximum_retry_count counts for on-failure, 0 is without end."""

    name: str = "no"
    maximum_retry_count: int = 0


class LogConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The log driver and its options."""

    type: str = "json-file"
    config: dict[str, str] = {}


class Ulimit(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A resource limit without its RLIMIT_; -1 is unlimited."""

    name: str
    soft: int
    hard: int


class Device(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A device of the host, or a folder of them, and what the container may do with it: letters of `rwm`."""

    path_on_host: str
    path_in_container: str
    cgroup_permissions: str = "rwm"


class BindOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """Options of a bind mount."""

    propagation: str = ""
    non_recursive: bool = False
    create_mountpoint: bool = False


class VolumeOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """Options of a volume mount."""

    no_copy: bool = False
    labels: dict[str, str] = {}
    driver: str = ""
    driver_options: dict[str, str] = {}
    subpath: str = ""


class TmpfsOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """Options of a tmpfs mount: bytes (0: no bound) and permission bits (None: 1777)."""

    size_bytes: int = 0
    mode: int | None = None


class Mount(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """What `--mount` asked for. type is bind, volume or tmpfs; the source is a path, a volume's name or empty."""

    type: str = "volume"
    source: str = ""
    target: str = ""
    read_only: bool = False
    bind_options: BindOptions | None = None
    volume_options: VolumeOptions | None = None
    tmpfs_options: TmpfsOptions | None = None


class Resources(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Bounds, 0 or empty by default. Memory in bytes; memory_swap is memory and swap together, -1 unbound."""

    cpu_shares: int = 0
    memory: int = 0
    nano_cpus: int = 0
    """Thousand-millionths of a CPU."""
    cpu_period: int = 0
    cpu_quota: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    memory_reservation: int = 0
    memory_swap: int = 0
    memory_swappiness: int | None = None
    oom_kill_disable: bool = False
    pids_limit: int | None = None
    ulimits: tuple[Ulimit, ...] = ()
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    blkio_weight: int = 0
    cgroup_parent: str = ""


class HostConfig(Resources, frozen=True, kw_only=True, rename="pascal"):
    """What a container gets of the host. The modes are docker's: default, host, none, private, container:ID, ..."""

    annotations: dict[str, str] = {}
    """What the OCI runtime is told besides."""
    binds: tuple[str, ...] = ()
    """What `-v` asked for, as it stood; `volume_value.read` reads one."""
    volumes_from: tuple[str, ...] = ()
    """Containers whose mounts it has too, as they were named."""
    log_config: LogConfig = LogConfig()
    network_mode: str = "default"
    port_bindings: dict[str, tuple[PortBinding, ...]] = {}
    restart_policy: RestartPolicy = RestartPolicy()
    auto_remove: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    cgroupns_mode: str = ""
    dns: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    """name:ip each; the address may be `host-gateway`."""
    group_add: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """container:alias each, or as inspect shows it, /container:/own/alias."""
    ipc_mode: str = ""
    oom_score_adj: int = 0
    pid_mode: str = ""
    privileged: bool = False
    publish_all_ports: bool = False
    readonly_rootfs: bool = False
    security_opt: tuple[str, ...] = ()
    """`no-new-privileges`, `seccomp=unconfined`, `seccomp=` and a whole profile as JSON, ...; never a file's name."""
    uts_mode: str = msgspec.field(default="", name="UTSMode")
    userns_mode: str = ""
    shm_size: int = DEFAULT_SHM_SIZE
    sysctls: dict[str, str] = {}
    tmpfs: dict[str, str] = {}
    mounts: tuple[Mount, ...] = ()
    init: bool = False
    runtime: str = ""
    masked_paths: tuple[str, ...] | None = None
    """None: docker's; `systempaths=unconfined` makes it and the next empty."""
    readonly_paths: tuple[str, ...] | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a container is on one network; an address it was not given is chosen."""

    aliases: tuple[str, ...] = ()
    ipv4_address: str = msgspec.field(default="", name="IPv4Address")
    mac_address: str = ""


class NetworkingConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The networks to join by name; the first stands in HostConfig.network_mode as well."""

    endpoints_config: dict[str, Endpoint] = {}


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """All that `create` asks for."""

    config: ContainerConfig
    host_config: HostConfig = HostConfig()
    networking_config: NetworkingConfig = NetworkingConfig()
