"""What is mounted in a container besides the defaults, in the spelling of the Mounts of docker's `inspect`."""

from typing import Final

import msgspec

PROPAGATIONS: Final = ("private", "rprivate", "slave", "rslave", "shared", "rshared")


class MountPoint(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One mount. Of a volume, name is empty until the engine has made one, and source until it knows where it lies."""

    type: str
    """bind, volume or tmpfs."""
    name: str = ""
    source: str = ""
    destination: str
    driver: str = ""
    mode: str = ""
    rw: bool = msgspec.field(default=True, name="RW")
    propagation: str = ""
    no_copy: bool = False
    """Whether what the image has at the destination stays out of an empty volume."""
    non_recursive: bool = False
    create_source: bool = False
    """Whether a source that is not there is made as a folder, as `-v` does and `--mount` does not."""
    subpath: str = ""
    labels: dict[str, str] = {}
    driver_options: dict[str, str] = {}
    tmpfs: str = ""
    """The options of a tmpfs, as mount(8) takes them."""
