"""The images of this machine as a verb uses them: under the data root, with this machine's settings."""

from importlib import import_module

from runtime.cli.home import home
from runtime.cli.settings import settings
from runtime.images import paths
from runtime.images.images import Images
from runtime.snapshots.snapshots import Snapshots


def local_images() -> Images:
    """The images; unpacked layers are opened when they are first asked for."""
    root, run = home()

    def layers() -> Snapshots:
        opened: Snapshots = import_module("runtime.snapshots.drivers").choose(str(paths.snapshots(root)))
        return opened

    def told(action: str, id: str, name: str) -> None:
        run.mkdir(0o711, parents=True, exist_ok=True)
        path = import_module("runtime.engine.paths").Paths(str(root), str(run)).events
        import_module("runtime.engine.events").append(path, action, id, {"name": name}, "image")

    return Images(root, layers, default=settings().default_registry, told=told)
