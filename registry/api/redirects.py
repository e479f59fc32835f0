"""Who is sent to the storage for a blob's bytes, and for how long that way is open. Some clients cannot follow."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Redirects:
    """`seconds`: how long a URL is good. Those from the networks, or whose User-Agent begins so, are not sent away."""

    enabled: bool = False
    seconds: int = 0
    except_networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = ()
    except_agents: tuple[str, ...] = ()

    def wants(self, client: str, agent: str) -> bool:
        """Whether a client at this address, with this User-Agent, is to be sent away."""
        if not self.enabled or agent.startswith(self.except_agents):
            return False
        if not self.except_networks:
            return True
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False  # its address is not known
        return not any(address in network for network in self.except_networks)
