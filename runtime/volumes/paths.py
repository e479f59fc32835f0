"""The files of volumes.

ROOT/volumes/.lock             held while volumes come and go
ROOT/volumes/.new-HEX          one that is being made
ROOT/volumes/.gone-HEX         one that is being removed
ROOT/volumes/NAME/volume.json  a volume
ROOT/volumes/NAME/filling      it is there while the image's content is copied; also that copy's lock
ROOT/volumes/NAME/_data        what containers see
RUN/volumes/NAME.json          the containers for which its filesystem is mounted
"""

from pathlib import Path
from typing import Final

from runtime.volumes.volume import check_name

NEW: Final = ".new-"
GONE: Final = ".gone-"


class Paths:
    """Where everything stands; every name is checked before it becomes a part of a path (InvalidVolume)."""

    def __init__(self, root: Path, run: Path) -> None:
        self.volumes = root / "volumes"
        self.running = run / "volumes"
        self.lock = self.volumes / ".lock"

    def folder(self, name: str) -> Path:
        """All of a volume."""
        check_name(name)
        return self.volumes / name

    def record(self, name: str) -> Path:
        """What a volume is."""
        return self.folder(name) / "volume.json"

    def filling(self, name: str) -> Path:
        """The mark of a copy that has begun."""
        return self.folder(name) / "filling"

    def data(self, name: str) -> Path:
        """What containers see."""
        return self.folder(name) / "_data"

    def users(self, name: str) -> Path:
        """The containers for which its filesystem is mounted."""
        check_name(name)
        return self.running / f"{name}.json"
