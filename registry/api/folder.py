"""The handler of /v2/_entrepot/storage/folder: tells a program of this machine where the bytes lie.

It can then link files instead of sending and receiving them. What it may do there is up to the file system; it is told
only if it is root's or runs as the user of the registry, for others need not know. That its socket is such a user's is
not enough, as it may be a proxy's with a stranger behind it (docker-proxy, ssh -L): it is told the name of a file that
only those users can read, and asks again with what is in it. Nothing is published that way: that takes a request that
passes the gate, and the bytes are verified (`Uploads.adopt`).
"""

from __future__ import annotations

import asyncio
import os

from registry.api.answer import Answer, json_answer
from registry.api.request import Request
from registry.api.services import Services
from registry.oci.errors import NotFound
from registry.transport import peer_proof
from registry.transport.peer import uid_of

_FORWARDED = (b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")
"""Headers of a proxy: who is behind it may be anywhere."""

_NO_STORE = [(b"cache-control", b"no-store")]


async def get(request: Request, services: Services) -> Answer:
    """Path, device and inode of the storage's root: the path may mean something else to the client."""
    loop = asyncio.get_running_loop()
    if await loop.run_in_executor(None, _is_local, request):
        root = await loop.run_in_executor(None, services.uploads.ingest_folder)
        if root is not None:
            proof = request.header(b"entrepot-proof")
            if proof is None:
                return json_answer({"read": await loop.run_in_executor(None, peer_proof.file)}, _NO_STORE)
            if await loop.run_in_executor(None, peer_proof.is_right, proof):
                return json_answer(root._asdict(), _NO_STORE)
    raise NotFound("there is nothing here for this client")


def _is_local(request: Request) -> bool:
    peer, here = request.scope.get("client"), request.scope.get("server")
    if peer is None or here is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return uid_of((peer[0], peer[1]), (here[0], here[1])) in (0, os.geteuid())
    except ValueError:  # no address of the internet's
        return False
