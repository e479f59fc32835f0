"""`--volumes-from container[:ro]`: the mounts of another container."""

from typing import Final, NamedTuple

from runtime.bundle.errors import ValueInvalid

_MODES: Final = ("rw", "ro", "z", "Z")


class VolumesFrom(NamedTuple):
    """A container, by name or id, and whether its mounts may be written to."""

    container: str
    rw: bool


def read(text: str) -> VolumesFrom:
    """The container and the mode; labels of SELinux (z, Z) have no effect."""
    container, colon, options = text.partition(":")
    words = options.split(",") if colon else []
    if not container or not all(word in _MODES for word in words) or {"ro", "rw"} <= set(words):
        raise ValueInvalid(f"invalid volumes-from: {text!r}; use container, container:ro or container:rw")
    return VolumesFrom(container, "ro" not in words)
