"""The files of networks.

ROOT/networks/lock             held while networks or who is connected change
ROOT/networks/ID.json          a network
RUN/networks/ID.json           who is connected; it is there while the network's bridge is
RUN/networks/firewall          the rules that were loaded last
RUN/networks/forwarding        what net.ipv4.ip_forward was before us
RUN/networks/resolver.lock     held by the resolver while it runs
RUN/networks/resolver.sock     where it takes requests
"""

import zlib
from pathlib import Path
from typing import Final

_USUAL: Final = Path("/run/entrepot")


class Paths:
    """Where everything stands, for one data root and one run root.

    `mark` is empty for the run root that a host has; what another one has in the kernel must not be taken for its.
    """

    def __init__(self, root: Path, run: Path) -> None:
        self.mark = "" if run == _USUAL else f"{zlib.crc32(bytes(run.absolute())):08x}"
        self.networks = root / "networks"
        self.running = run / "networks"
        self.lock = self.networks / "lock"
        self.firewall = self.running / "firewall"
        self.forwarding = self.running / "forwarding"
        self.resolver = self.running / "resolver"

    def network(self, id_: str) -> Path:
        """What a network is."""
        return self.networks / f"{id_}.json"

    def endpoints(self, id_: str) -> Path:
        """Who is connected to a network."""
        return self.running / f"{id_}.json"
