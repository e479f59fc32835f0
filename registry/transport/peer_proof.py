"""A file in memory that root and the registry's user alone can read: a client that knows its content is one of them.

It has no name but that of a descriptor of the registry's process, which the kernel opens for those who may look into
the process; a stranger behind a proxy of such a user's cannot. It ends with the process, whatever ends that. A process
that forks workers makes it before, so that each of them knows what is in it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from typing import NamedTuple

NAME = "entrepot-proof"


class _File(NamedTuple):
    descriptor: int
    content: bytes


_made: list[_File] = []
_making = threading.Lock()


def file() -> str:
    """Its path, seen from another process; it is made when this is first called. Raises OSError."""
    return f"/proc/{os.getpid()}/fd/{_file().descriptor}"


def is_right(proof: str) -> bool:
    """Whether it is what is in the file."""
    return hmac.compare_digest(proof.encode(), _file().content)


def _file() -> _File:
    with _making:
        if not _made:
            content = secrets.token_hex(32).encode()
            descriptor = os.memfd_create(NAME, os.MFD_CLOEXEC)
            os.fchmod(descriptor, 0o400)
            os.write(descriptor, content)
            _made.append(_File(descriptor, content))
        return _made[0]
