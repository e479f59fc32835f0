"""The errors of volumes, in docker's words where docker has words for them.

VolumeError
    VolumeNotFound    no volume of that name
    VolumeInUse       containers have it
    InvalidVolume     a name or an option that cannot be
    MountFailed       its filesystem cannot be mounted
"""


class VolumeError(Exception):
    """Something about a volume; the text is one line for the user."""


class VolumeNotFound(VolumeError):
    """No volume of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"get {name}: no such volume")


class VolumeInUse(VolumeError):
    """Containers have it."""


class InvalidVolume(VolumeError):
    """A name or an option that cannot be."""


class MountFailed(VolumeError):
    """Its filesystem cannot be mounted."""
