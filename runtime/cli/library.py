"""The images of this machine as a verb uses them: under the data root, with this machine's settings."""

from importlib import import_module

from runtime.cli.home import home
from runtime.cli.settings import settings
from runtime.engine.lifecycle import ALIVE
from runtime.engine.paths import Paths
from runtime.engine.store import Store
from runtime.images import paths
from runtime.images.images import Images
from runtime.images.remove import User
from runtime.snapshots.snapshots import Snapshots


def library() -> Images:
    """The images; unpacked layers are opened when they are first asked for."""
    root = home().root

    def layers() -> Snapshots:
        opened: Snapshots = import_module("runtime.snapshots.drivers").choose(str(paths.snapshots(root)))
        return opened

    return Images(root, layers, default=settings().default_registry)


def users() -> dict[str, list[User]]:
    """The containers of this machine by the id of their image."""
    place = home()
    found: dict[str, list[User]] = {}
    if not place.root.exists():
        return found
    for record, state in Store(Paths(str(place.root), str(place.run))).all():
        found.setdefault(record.image_id, []).append(User(record.id[:12], state.status in ALIVE))
    return found
