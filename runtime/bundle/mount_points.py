"""All mounts a request asks for, of `-v`, `--mount`, `--tmpfs` and the image's volumes, as one list."""

from collections.abc import Iterable

from runtime.bundle.container import BindOptions, ContainerConfig, HostConfig, Mount, TmpfsOptions, VolumeOptions
from runtime.bundle.errors import Conflict
from runtime.bundle.grammar import tmpfs, volume
from runtime.bundle.grammar.path import clean
from runtime.bundle.mount_point import MountPoint


def collect(
    config: ContainerConfig, host_config: HostConfig, inherited: Iterable[MountPoint] = ()
) -> tuple[MountPoint, ...]:
    """The mounts, each destination once; a volume without a name is one the engine is to make.

    `config` is the merged one. A volume of the image gives way to anything asked for at its place, or `inherited` from
    another container, which gives way to what was asked for. Two that were asked for at one place are a Conflict.
    """
    asked = _unique([*map(volume.read, host_config.binds), *map(of_mount, host_config.mounts)])
    for path, options in host_config.tmpfs.items():
        if clean(path) in asked:
            raise Conflict(f"duplicate mount point: {clean(path)}")
        tmpfs.merge(options)
        asked[clean(path)] = MountPoint(type="tmpfs", destination=clean(path), tmpfs=options)
    for mount in inherited:
        asked.setdefault(mount.destination, mount)
    for path in config.volumes:
        asked.setdefault(clean(path), MountPoint(type="volume", destination=clean(path)))
    return in_order(asked.values())


def in_order(mounts: Iterable[MountPoint]) -> tuple[MountPoint, ...]:
    """Parents before what is mounted below them."""
    return tuple(sorted(mounts, key=lambda mount: (mount.destination.count("/"), mount.destination)))


def of_mount(mount: Mount) -> MountPoint:
    """A `--mount` as the mount it makes."""
    bind = mount.bind_options or BindOptions()
    options = mount.volume_options or VolumeOptions()
    return MountPoint(
        type=mount.type,
        name=mount.source if mount.type == "volume" else "",
        source=mount.source if mount.type == "bind" else "",
        destination=clean(mount.target),
        driver=options.driver,
        rw=not mount.read_only,
        propagation=bind.propagation,
        no_copy=options.no_copy,
        non_recursive=bind.non_recursive,
        create_source=bind.create_mountpoint,
        subpath=options.subpath,
        labels=options.labels,
        driver_options=options.driver_options,
        tmpfs=_tmpfs(mount.tmpfs_options or TmpfsOptions(), mount.read_only) if mount.type == "tmpfs" else "",
    )


def _tmpfs(options: TmpfsOptions, read_only: bool) -> str:
    words = ["ro"] if read_only else []
    if options.size_bytes:
        words.append(f"size={options.size_bytes}")
    if options.mode is not None:
        words.append(f"mode={options.mode:o}")
    return ",".join(words)


def _unique(mounts: Iterable[MountPoint]) -> dict[str, MountPoint]:
    found: dict[str, MountPoint] = {}
    for mount in mounts:
        if mount.destination in found:
            raise Conflict(f"duplicate mount point: {mount.destination}")
        found[mount.destination] = mount
    return found
