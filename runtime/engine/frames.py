"""What a monitor and its clients say to each other: a byte that names it, four of length, and that many bytes.

The first connection is made by the starting command and is there before it runs. Both sides import this file.
"""

from __future__ import annotations

import json
from typing import Any

HEADER = 5
LARGEST = 64 * 1024
"""Bytes behind one header at most; who sends more is cut off."""

# Client to monitor.
GO = b"G"  # the first one of the command that starts the monitor: the path of its plan, which is written
ATTACH = b"A"  # JSON: stdin, stdout, stderr (true where wanted), custodian (it will finish the container)
STDIN = b"I"
STDIN_END = b"E"
RESIZE = b"R"  # JSON: rows, columns
KILL = b"K"  # JSON: signal
STOP = b"S"  # JSON: signal, timeout in seconds (negative: without end), restart (it will be started again)
PAUSED = b"P"  # JSON: paused
POLICY = b"U"  # JSON: a restart policy, as in the plan
FINISHED = b"D"  # the custodian has finished the container

# Monitor to client.
STDOUT = b"o"
STDERR = b"e"
STARTED = b"s"  # JSON: pid
FAILED = b"f"  # JSON: error, code; the container did not start
EXITED = b"x"  # JSON: code, oom, again (it will be restarted)
GONE = b"g"  # the OCI runtime holds nothing of it any more, and the state says exited
ANSWER = b"r"  # JSON: error, empty when done


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """One message."""
    return kind + len(payload).to_bytes(4, "big") + payload


def told(kind: bytes, **said: Any) -> bytes:  # noqa: ANN401 - whatever JSON holds
    """One message whose payload is JSON."""
    return frame(kind, json.dumps(said).encode())


def read(payload: bytes) -> dict[str, Any]:
    """The JSON of a message. Raises Cut."""
    try:
        said = json.loads(payload or b"{}")
    except ValueError:
        raise Cut("not JSON") from None
    if not isinstance(said, dict):
        raise Cut("not an object")
    return said


class Cut(Exception):
    """The other side does not speak this protocol."""


class Reader:
    """Makes messages of bytes as they come."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The messages that are whole now. Raises Cut."""
        self._held += data
        found = []
        while len(self._held) >= HEADER:
            size = int.from_bytes(self._held[1:HEADER], "big")
            if size > LARGEST:
                raise Cut(f"a message of {size} bytes")
            if len(self._held) < HEADER + size:
                break
            found.append((bytes(self._held[:1]), bytes(self._held[HEADER : HEADER + size])))
            del self._held[: HEADER + size]
        return found
