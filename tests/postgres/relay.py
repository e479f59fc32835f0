"""A way to the server that counts round trips: how often a client has sent something and then waited for an answer.

It can also lose an answer to what is done all the same, as a way does that breaks at the wrong moment.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

LOOK = 0.1
"""Seconds between two looks whether it is to end."""


class Relay:
    """Listens on a port of its own; `trips` counts over all connections.

    `lose`: after so many trips more the connection breaks, with its answer on the way.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.trips = 0
        self.lose: int | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def run(self) -> None:
        """Until `close`."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._pass, args=(client,))
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """End all connections."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _loses(self) -> bool:
        with self._lock:
            if self.lose is not None:
                self.lose = self.lose - 1 if self.lose else None
                return self.lose is None
            return False

    def _pass(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            asked, lost = False, False
            while not self._closed:
                for ready in select.select([client, server], [], [], LOOK)[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is client:
                        server.sendall(data)
                        asked, lost = True, lost or (not asked and self._loses())
                    elif lost:
                        return
                    else:
                        with self._lock:
                            self.trips += asked
                        asked = False
                        client.sendall(data)


@contextlib.contextmanager
def relay(port: int) -> Iterator[Relay]:
    """One that is gone at the end."""
    made = Relay(port)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
        made.join()
