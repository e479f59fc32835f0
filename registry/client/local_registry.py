"""A registry on this machine may say where its folder is, so that files can be linked and not sent (docs/api.md)."""

from __future__ import annotations

import json
import socket

from registry.client.distribution import Folder
from registry.client.errors import ClientError
from registry.client.proxies import proxy_for
from registry.client.requester import Requester

_URL = "v2/_entrepot/storage/folder"
_LONGEST = 16 * 1024


def folder(requester: Requester) -> Folder | None:
    """What it says; None when it is elsewhere, is another software, or does not tell."""
    origin = requester.origin
    if proxy_for(origin) is not None or not is_here(origin.host):
        return None
    try:
        page = requester.get(_URL, frozenset(), origin.netloc, _LONGEST)
        told = json.loads(page.payload)
        path, device, inode = told["path"], told["device"], told["inode"]
    except (ClientError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not (isinstance(path, str) and isinstance(device, int) and isinstance(inode, int)):
        return None
    return Folder(path, device, inode) if path.startswith("/") and "\0" not in path else None


def is_here(host: str) -> bool:
    """Whether a name leads to an address of this machine: one that a socket can be bound to."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_ours(family, address) for family, _, _, _, address in found)


def _is_ours(family: int, address: tuple[object, ...]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(address)
    except OSError:
        return False
    return True
