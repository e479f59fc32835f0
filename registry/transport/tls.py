"""The TLS handshake of a connection that is known already.

A server that is given the certificate says nothing of a connection before its handshake is over, so that handshakes are
under no bound. Here it begins with the first bytes of a connection that is counted, watched and can be closed.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import cast

log = logging.getLogger(__name__)


async def handshake(
    protocol: asyncio.Protocol, plain: asyncio.Transport, hello: bytes, context: ssl.SSLContext, seconds: float
) -> asyncio.Transport | None:
    """The transport over TLS; None when there is none after all. `hello` has been read from `plain` already."""
    loop = asyncio.get_running_loop()
    plain.pause_reading()
    made = loop.create_task(loop.start_tls(plain, protocol, context, server_side=True, ssl_handshake_timeout=seconds))
    try:
        for _ in range(2):  # the protocol of TLS takes the place of `protocol`, and hears of the connection
            await asyncio.sleep(0)
        _feed(cast(asyncio.BufferedProtocol, plain.get_protocol()), hello)
        secured = await made
        return None if plain.is_closing() else secured  # closed meanwhile, it is not always an error
    except OSError as error:
        log.debug("a TLS handshake failed: %s", error)
        return None


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    while data:
        room = memoryview(protocol.get_buffer(len(data)))
        count = min(len(room), len(data))
        room[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]
