"""Fills in what follows from other settings: folders from the root, rights from the address.

A value that was given is never changed, except that a folder becomes absolute.
"""

import os
from collections.abc import Mapping

from msgspec.structs import replace

from registry.config.settings import Config

MOST_WORKERS = 4
"""Workers by default, at most."""

S3_VERIFY_AFTER = 30 * 86400.0
"""Seconds after which a blob is read again where reading may be paid for by the byte."""


def derive(config: Config, environ: Mapping[str, str], origins: dict[str, str]) -> Config:
    """Return `config` with nothing left to be worked out, and say in `origins` what each new value follows from."""
    root = _absolute(config.server.root) if config.server.root else default_root(environ)
    server = replace(config.server, root=root)
    if not server.workers:
        server = replace(server, workers=1 if config.storage.driver == "memory" else default_workers())
        origins["server.workers"] = f"default, one per core up to {MOST_WORKERS}"
    storage, database, access = config.storage, config.database, config.access
    if storage.path:
        storage = replace(storage, path=_absolute(storage.path))
    elif storage.driver == "filesystem":
        storage = replace(storage, path=os.path.join(root, "storage"))
        origins["storage.path"] = "default, from server.root"
    if not database.url:
        database = replace(database, url=f"sqlite:///{os.path.join(root, 'entrepot.db')}")
        origins["database.url"] = "default, from server.root"
    verify = config.verify
    if storage.driver == "s3" and origins["verify.again_after"] == "default":
        verify = replace(verify, again_after=S3_VERIFY_AFTER)
        origins["verify.again_after"] = "default with S3, whose reads may be paid for"
    if not access.anonymous and server.is_loopback:
        access = replace(access, anonymous="full")
        origins["access.anonymous"] = "default, as server.listen is only reachable from this machine"
    return replace(config, server=server, storage=storage, database=database, access=access, verify=verify)


def default_workers() -> int:
    """Return how many workers make use of the cores this process may run on; each takes memory, so there is a most."""
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)))


def default_root(environ: Mapping[str, str]) -> str:
    """Return the folder everything is kept in by default."""
    if os.geteuid() == 0:
        return "/var/lib/entrepot"
    data = environ.get("XDG_DATA_HOME", "")
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(data if os.path.isabs(data) else os.path.join(home, ".local", "share"), "entrepot")


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))
