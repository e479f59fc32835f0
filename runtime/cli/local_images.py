"""The images of this machine as a verb uses them: under the data root, with this machine's settings."""

from importlib import import_module

from runtime.cli.home import home
from runtime.cli.settings import settings
from runtime.images import paths
from runtime.images.images import Images
from runtime.snapshots.snapshots import Snapshots


def local_images() -> Images:
    """The images; unpacked layers are opened when they are first asked for."""
    root = home().root

    def layers() -> Snapshots:
        opened: Snapshots = import_module("runtime.snapshots.drivers").choose(str(paths.snapshots(root)))
        return opened

    return Images(root, layers, default=settings().default_registry)
