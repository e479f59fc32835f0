"""Whose fault it is that something cannot be made."""

from __future__ import annotations

import errno
from typing import NoReturn

from runtime.snapshots.errors import InvalidLayer

_OF_THE_LAYER = (errno.EINVAL, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR)


def explain(error: OSError, name: bytes) -> NoReturn:
    """A name that the system does not take is the layer's fault; the rest is raised as it is: it may be of reading."""
    if error.errno in _OF_THE_LAYER:
        raise InvalidLayer(f"it cannot be made ({error.strerror})", name) from error
    raise error
