"""A file of a container that runs, read for its content without following what the image planted."""

from __future__ import annotations

import os
import stat

from runtime.engine.errors import EngineError
from runtime.syscall import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runtime.engine.paths import Of

LARGEST = 4 * 2**20
"""Bytes of a file that is read."""


def read(of: Of, path: str) -> bytes:
    """A regular file of it, empty if there is none. Raises EngineError when it is too large."""
    root = os.open(of.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        fd = files.openat2(root, path, flags, 0, files.RESOLVE_IN_ROOT | files.RESOLVE_NO_MAGICLINKS)
    except OSError:
        return b""
    finally:
        os.close(root)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise EngineError(f"{path} of the image is larger than {LARGEST} bytes")
    return content
