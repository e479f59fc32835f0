"""Every path the executor keeps.

ROOT/                    --root, default /run/entrepot-oci
    ID/                  one container; there from `create` to `delete`
        state.json       what the program knows of it: state.py
        config.json      its specification as it was at `create`
        exec.fifo        there from `create` to `start`
    .filters/DIGEST      compiled filters of system calls: filters.py
"""

from __future__ import annotations

import os

from runtime.executor.errors import ExecutorError

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-")
_REST = _FIRST | {"."}


def default_root() -> str:
    """Where states are kept by default: below the user's own directory for others than root."""
    if os.geteuid():
        return os.environ.get("XDG_RUNTIME_DIR", f"/tmp/entrepot-{os.geteuid()}") + "/entrepot-oci"  # noqa: S108
    return "/run/entrepot-oci"


class Paths:
    """The paths of one container. Raise ExecutorError for an id that is no name."""

    def __init__(self, root: str, identity: str) -> None:
        if not identity or identity[0] not in _FIRST or not set(identity) <= _REST or len(identity) > 1024:
            raise ExecutorError(f"invalid id format: {identity!r}")
        self.directory = f"{root}/{identity}"
        self.state = f"{self.directory}/state.json"
        self.config = f"{self.directory}/config.json"
        self.fifo = f"{self.directory}/exec.fifo"
        self.filters = f"{root}/.filters"


def replace(path: str, content: str | bytes, mode: int = 0o600) -> None:
    """Write a file so that a reader sees it whole or not at all."""
    written = f"{os.path.dirname(path) or '.'}/.{os.path.basename(path)}.{os.getpid()}"
    descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        os.write(descriptor, content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
    finally:
        os.close(descriptor)
    os.rename(written, path)
