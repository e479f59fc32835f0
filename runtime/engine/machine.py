"""What the engine stands on: the containers written down, and the other rooms, each opened when first used.

A command that only lists containers must not pay for networks and images, so their modules are loaded by name.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from runtime.engine import events
from runtime.engine.paths import Paths
from runtime.engine.store import Store

if TYPE_CHECKING:
    from runtime.network.networks import Networks
    from runtime.snapshots.snapshots import Snapshots
    from runtime.volumes.volumes import Volumes


class Machine:
    """One pair of roots. `runtime` is the OCI runtime to use when a container asks for none; empty: what is found;
    `driver` that of snapshots, empty: the one that is in use or works here."""

    def __init__(self, root: Path, run: Path, *, runtime: str = "", driver: str = "") -> None:
        self.root = root
        self.run = run
        self.runtime = runtime
        self.paths = Paths(str(root), str(run))
        self.store = Store(self.paths)
        self._driver = driver

    @cached_property
    def snapshots(self) -> Snapshots:
        """Where their root file systems are."""
        drivers, folder = import_module("runtime.snapshots.drivers"), str(self.root / "snapshots")
        opened = drivers.load(self._driver, folder) if self._driver else drivers.choose(folder)
        return cast("Snapshots", opened)

    @cached_property
    def networks(self) -> Networks:
        """What they are connected to."""
        opened = import_module("runtime.network.networks").Networks(self.root, self.run, self._network_event)
        return cast("Networks", opened)

    def _network_event(self, action: str, id: str, name: str, container: str) -> None:
        about = {"container": container} if container else {}
        events.append(self.paths.events, action, id, {**about, "name": name, "type": "bridge"}, "network")

    @cached_property
    def volumes(self) -> Volumes:
        """What outlives them."""
        opened = import_module("runtime.volumes.volumes").Volumes(self.root, self.run, self._volume_event)
        return cast("Volumes", opened)

    def _volume_event(self, action: str, name: str) -> None:
        events.append(self.paths.events, action, name, {"driver": "local"}, "volume")


def at(paths: Paths) -> Machine:
    """The machine whose containers stand at these paths."""
    return Machine(Path(paths.root), Path(paths.run))
