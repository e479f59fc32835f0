"""A TCP proxy that drops connections after a number of bytes, as a bad line does, in either direction.

Upward with a reset, which takes along what was not read yet; downward with an end, as of a server that is restarted.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

_RESET = struct.pack("ii", 1, 0)


class Cut(NamedTuple):
    """After how many bytes up (from the client) or down (to it) a connection is dropped; None: never."""

    up: int | None = None
    down: int | None = None


class Cutting:
    """Listens on this machine; the first connections are cut as said, all others are whole."""

    def __init__(self, target: int, cuts: Sequence[Cut]) -> None:
        self._target = ("127.0.0.1", target)
        self._cuts = deque(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.carried = {"up": 0, "down": 0}
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def cuts_left(self) -> int:
        """Cuts that no connection has met yet."""
        return len(self._cuts)

    def close(self) -> None:
        # accept() is woken by shutdown, not by close.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                cut = self._cuts.popleft() if self._cuts else Cut()
                server = socket.create_connection(self._target)
                for name, source, sink, limit in (("up", client, server, cut.up), ("down", server, client, cut.down)):
                    threading.Thread(target=self._pump, args=(name, source, sink, limit), daemon=True).start()

    def _pump(self, name: str, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        left = limit
        with suppress(OSError):
            while left is None or left > 0:
                data = source.recv(65536 if left is None else min(65536, left))
                if not data:
                    break
                sink.sendall(data)
                self.carried[name] += len(data)
                left = None if left is None else left - len(data)
            if left == 0 and name == "up":
                for end in (source, sink):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        for end in (source, sink):
            with suppress(OSError):
                # What the other thread waits for is woken by shutdown, not by close.
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def cutting(target: int, *cuts: Cut) -> Iterator[Cutting]:
    """A proxy before a server of this machine."""
    made = Cutting(target, cuts)
    try:
        yield made
    finally:
        made.close()
