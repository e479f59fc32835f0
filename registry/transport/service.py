"""What uvicorn is given: it makes the protocol of each connection."""

from __future__ import annotations

import asyncio

from uvicorn.server import ServerState

from registry.transport.protocol import HttpProtocol
from registry.transport.shared import Shared


class Service(Shared):
    """For one worker."""

    def protocol(self, *, server_state: ServerState, **_: object) -> asyncio.Protocol:
        """For the option `http=`, which is called for each connection."""
        return HttpProtocol(self, server_state)
