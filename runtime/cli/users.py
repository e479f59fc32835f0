"""Who uses the images of this machine: its containers, as the removal of images wants to know them."""

from runtime.cli.home import home
from runtime.engine.lifecycle import ALIVE
from runtime.engine.paths import Paths
from runtime.engine.store import Store
from runtime.images.remove import User


def users() -> dict[str, list[User]]:
    """The containers of this machine by the id of their image."""
    place = home()
    found: dict[str, list[User]] = {}
    if not place.root.exists():
        return found
    for record, state in Store(Paths(str(place.root), str(place.run))).all():
        found.setdefault(record.image_id, []).append(User(record.id[:12], state.status in ALIVE))
    return found
