"""Who is connected, as the resolver sees it: the lists that `Networks` writes, read again when they have changed."""

import os
from pathlib import Path

import msgspec

from runtime.network.endpoint import Endpoint
from runtime.network.network import DEFAULT

_Seen = tuple[int, int, int]


class Known:
    """The endpoints on user networks."""

    def __init__(self, running: Path) -> None:
        self._running = running
        self._lists: dict[str, tuple[_Seen, list[Endpoint]]] = {}

    def beside(self, container: str) -> tuple[list[Endpoint], list[Endpoint]]:
        """A container's own endpoints, and all that are on the same networks."""
        mine: list[Endpoint] = []
        beside: list[Endpoint] = []
        for connected in self._read():
            own = [each for each in connected if each.container == container and each.network != DEFAULT]
            if own:
                mine += own
                beside += connected
        return mine, beside

    def routed(self, container: str) -> bool:
        """Whether a container has a way out, by any network."""
        return any(each.gateway for connected in self._read() for each in connected if each.container == container)

    def _read(self) -> list[list[Endpoint]]:
        found: dict[str, tuple[_Seen, list[Endpoint]]] = {}
        for entry in os.scandir(self._running):
            if not entry.name.endswith(".json"):
                continue
            try:
                status = os.stat(entry.path)
                seen = (status.st_ino, status.st_mtime_ns, status.st_size)
                before = self._lists.get(entry.name)
                if before is None or before[0] != seen:
                    before = (seen, msgspec.json.decode(Path(entry.path).read_bytes(), type=list[Endpoint]))
                found[entry.name] = before
            except (FileNotFoundError, msgspec.DecodeError):
                continue
        self._lists = found
        return [connected for _, connected in found.values()]
