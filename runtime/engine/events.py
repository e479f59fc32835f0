"""What happened to containers, images, networks and volumes, one JSON object a line in docker's form.

The monitor imports this file.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping

LARGEST = 4 * 2**20
"""Bytes of the file before it becomes the one before."""


def append(path: str, action: str, id: str, attributes: Mapping[str, str], kind: str = "container") -> None:
    """Write down one event; a line is written in one piece, so that writers do not mix. Errors are not worth a stop."""
    ns = time.time_ns()
    line = json.dumps(
        {
            "Type": kind,
            "Action": action,
            "Actor": {"ID": id, "Attributes": dict(attributes)},
            "scope": "local",
            "time": ns // 1_000_000_000,
            "timeNano": ns,
        }
    )
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        os.write(fd, line.encode() + b"\n")
        if os.fstat(fd).st_size > LARGEST:
            os.replace(path, f"{path}.1")
    except OSError:
        return
    finally:
        os.close(fd)
