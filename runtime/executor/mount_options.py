"""The options of a mount as the specification lists them, sorted by what the kernel is told with them."""

from __future__ import annotations

from runtime.executor.errors import InvalidSpec
from runtime.syscall import mounts as m

# Option: attributes to set, attributes to clear.
ATTRIBUTES = {
    "ro": (m.MOUNT_ATTR_RDONLY, 0),
    "rw": (0, m.MOUNT_ATTR_RDONLY),
    "nosuid": (m.MOUNT_ATTR_NOSUID, 0),
    "suid": (0, m.MOUNT_ATTR_NOSUID),
    "nodev": (m.MOUNT_ATTR_NODEV, 0),
    "dev": (0, m.MOUNT_ATTR_NODEV),
    "noexec": (m.MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, m.MOUNT_ATTR_NOEXEC),
    "nodiratime": (m.MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, m.MOUNT_ATTR_NODIRATIME),
    "noatime": (m.MOUNT_ATTR_NOATIME, m.MOUNT_ATTR__ATIME),
    "relatime": (m.MOUNT_ATTR_RELATIME, m.MOUNT_ATTR__ATIME),
    "strictatime": (m.MOUNT_ATTR_STRICTATIME, m.MOUNT_ATTR__ATIME),
    "atime": (m.MOUNT_ATTR_RELATIME, m.MOUNT_ATTR__ATIME),
    "norelatime": (m.MOUNT_ATTR_STRICTATIME, m.MOUNT_ATTR__ATIME),
    "nostrictatime": (m.MOUNT_ATTR_RELATIME, m.MOUNT_ATTR__ATIME),
    "nosymfollow": (m.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, m.MOUNT_ATTR_NOSYMFOLLOW),
}
RECURSIVE = {f"r{name}": bits for name, bits in ATTRIBUTES.items() if name != "rw"} | {"rrw": ATTRIBUTES["rw"]}
PROPAGATION = {
    "private": (m.MS_PRIVATE, False),
    "rprivate": (m.MS_PRIVATE, True),
    "shared": (m.MS_SHARED, False),
    "rshared": (m.MS_SHARED, True),
    "slave": (m.MS_SLAVE, False),
    "rslave": (m.MS_SLAVE, True),
    "unbindable": (m.MS_UNBINDABLE, False),
    "runbindable": (m.MS_UNBINDABLE, True),
}
# Flags of the filesystem, not of the mount: the kernel is told them by name.
_SUPERBLOCK = ("sync", "dirsync", "mand", "lazytime", "async", "nomand", "nolazytime")
_IGNORED = ("defaults", "silent", "loud")
_MAPPED = ("idmap", "ridmap")
_HERE = ("bind", "rbind", "tmpcopyup", *_MAPPED)

KNOWN = sorted([*ATTRIBUTES, *RECURSIVE, *PROPAGATION, *_SUPERBLOCK, *_IGNORED, *_HERE])


class MountOptions:
    """What the options of one mount ask for."""

    def __init__(self, options: list[str], *, bind: bool) -> None:
        self.bind = bind
        self.recursive = False
        self.mapped = self.mapped_recursively = False
        self.copy_up = False
        self.set = self.clear = self.recursive_set = self.recursive_clear = 0
        self.propagation: list[tuple[int, bool]] = []
        self.data: list[str] = []
        for option in options:
            self._take(option)

    @property
    def read_only(self) -> bool:
        """Whether the mount itself is to be read-only."""
        return bool(self.set & m.MOUNT_ATTR_RDONLY)

    def _take(self, option: str) -> None:
        if option in ATTRIBUTES:
            on, off = ATTRIBUTES[option]
            self.set, self.clear = self.set & ~off | on, self.clear & ~on | off
        elif option in RECURSIVE:
            on, off = RECURSIVE[option]
            self.recursive_set = self.recursive_set & ~off | on
            self.recursive_clear = self.recursive_clear & ~on | off
        elif option in PROPAGATION:
            self.propagation.append(PROPAGATION[option])
        elif option in ("bind", "rbind"):
            self.bind, self.recursive = True, self.recursive or option == "rbind"
        elif option == "tmpcopyup":
            self.copy_up = True
        elif option in _MAPPED:
            self.mapped, self.mapped_recursively = True, option == "ridmap"
        elif option == "remount":
            raise InvalidSpec(f"mount option {option!r} is not supported")
        elif option not in _IGNORED:
            self.data.append(option)
