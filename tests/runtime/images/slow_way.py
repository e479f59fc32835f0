"""A way to a server that can be made to stall after so many bytes: what a bad network does to a pull."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 65536


class SlowWay:
    """Listens on loopback and passes everything on; `limit` is how many bytes of answers may pass in all."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.limit: int | None = None
        self.passed = 0
        self.stalled = threading.Event()
        self._go_on = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        """No limit any more; what was counted is forgotten."""
        with self._go_on:
            self.limit, self.passed = None, 0
            self._go_on.notify_all()

    def close(self) -> None:
        """Accept nobody any more."""
        self._listener.close()
        self.open()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(_PIECE):
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), client, server:
            while data := server.recv(_PIECE):
                with self._go_on:
                    while self.limit is not None and self.passed + len(data) > self.limit:
                        self.stalled.set()
                        self._go_on.wait()
                    self.passed += len(data)
                client.sendall(data)


@contextmanager
def slow_way(port: int) -> Iterator[SlowWay]:
    """A way to a port of this machine."""
    way = SlowWay(port)
    try:
        yield way
    finally:
        way.close()
